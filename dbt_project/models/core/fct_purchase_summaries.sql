{#- Fader, Hardie & Lee (2005): frequency counts distinct purchase days after the first; monetary is of repeats only. -#}
with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    purchase_days as (
        select
            person_id,
            cast(order_view_at as date) as purchased_on,
            min(order_view_at) as first_purchased_at,
            max(order_view_at) as last_purchased_at,
            sum(amount_reporting)::decimal(18, 4) as amount_reporting
        from revenue_entries
        where entry_type = 'sale' and person_id is not null
        group by person_id, cast(order_view_at as date)
    ),

    numbered as (
        select *, row_number() over (partition by person_id order by purchased_on asc nulls last) as purchase_number
        from purchase_days
    ),

    final as (
        select
            person_id,
            count(*) as purchase_days_count,
            count(*) - 1 as frequency,
            min(first_purchased_at) as first_purchased_at,
            max(last_purchased_at) as last_purchased_at,
            {{
                days_between(
                    "cast(min(purchased_on) as " ~ timestamp_type() ~ ")",
                    "cast(max(purchased_on) as " ~ timestamp_type() ~ ")",
                )
            }} as recency_days,
            {{
                days_between(
                    "cast(min(purchased_on) as " ~ timestamp_type() ~ ")",
                    "cast(cast(" ~ as_of() ~ " as date) as " ~ timestamp_type() ~ ")",
                )
            }} as age_days,
            avg(amount_reporting::double) filter (where purchase_number > 1) as repeat_purchase_mean_amount_reporting
        from numbered
        group by person_id
    )

select *
from final
