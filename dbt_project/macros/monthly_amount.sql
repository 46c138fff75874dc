{#-
    What an amount that is due every interval brings in per month: a year has twelve months and 365 days, a week seven
    days. Null where it does not recur, or is larger than an amount can be.
-#}
{% macro monthly_amount(amount, recurring_interval, recurring_interval_count) -%}
    {%- set intervals_a_month -%}
        1.0
        / nullif({{ recurring_interval_count }}, 0)
        * case {{ recurring_interval }}
            when 'month' then 1
            when 'year' then 1.0 / 12
            when 'week' then 365.0 / 84
            when 'day' then 365.0 / 12
            else 0
        end
    {%- endset -%}
    {{ converted(amount, intervals_a_month) }}
{%- endmacro %}
