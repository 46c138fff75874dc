{#-
    What an amount that is due every interval brings in per month: a year has twelve months and 365 days, a week seven
    days. Null where it does not recur, or is larger than an amount can be.
-#}
{% macro monthly_amount(amount, recurring_interval, recurring_interval_count) -%}
    {%- set intervals_a_month -%}
        1::double
        / nullif({{ recurring_interval_count }}, 0)
        * case {{ recurring_interval }}
            when 'month' then 1::double
            when 'year' then 1::double / 12
            when 'week' then 365::double / 84
            when 'day' then 365::double / 12
            else 0::double
        end
    {%- endset -%}
    {{ converted(amount, intervals_a_month) }}
{%- endmacro %}
