{#- What a touch has of an amount: the difference of two running totals, so that the parts add up to the amount. -#}
{% macro part_credited(amount) -%}
    {{ money(converted(amount, "credit_to_date::double") ~ " - " ~ converted(amount, "credit_before::double")) }}
{%- endmacro %}
