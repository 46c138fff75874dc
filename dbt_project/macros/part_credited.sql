{#- What a touch has of an amount: the difference of two running totals, so that the parts add up to the amount. -#}
{% macro part_credited(amount) -%}
    case
        when credit_to_date - credit_before = 1
        then {{ amount }}
        else
            {{
                money(
                    converted(amount, "credit_to_date::double") ~ " - " ~ converted(amount, "credit_before::double")
                )
            }}
    end
{%- endmacro %}
