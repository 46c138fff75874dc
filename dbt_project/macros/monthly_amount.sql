{#-
    What a recurring price brings a month: a year has twelve months and 365 days, a week seven days. Nothing for a
    price without a fixed amount (tiers), one that is metered, and one that does not recur.
-#}
{% macro monthly_amount(unit_amount, quantity, recurring_interval, recurring_interval_count, is_metered) -%}
    {{
        money(
            "case when "
            ~ is_metered
            ~ " then 0 else coalesce("
            ~ unit_amount
            ~ ", 0)::double * "
            ~ quantity
            ~ " / nullif("
            ~ recurring_interval_count
            ~ ", 0) * case "
            ~ recurring_interval
            ~ " when 'month' then 1 when 'year' then 1.0 / 12 when 'week' then 365.0 / 84 when 'day' then 365.0 / 12"
            ~ " else 0 end end"
        )
    }}
{%- endmacro %}
