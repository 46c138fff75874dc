with
    activities as (select * from {{ ref("fct_activities") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    subscription_periods as (select * from {{ ref("fct_subscription_periods") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    spine as (
        {{
            dbt.date_spine(
                datepart="day",
                start_date=first_date(),
                end_date=local_date(dbt.dateadd("day", 1, as_of())),
            )
        }}
    ),

    -- The first day of each kind of fact that reports count.
    first_facts as (
        select {{ local_date("min(occurred_at)") }} as date_day
        from activities
        union all
        select {{ local_date("min(order_view_at)") }} as date_day
        from revenue_entries
        union all
        select {{ local_date("min(started_at)") }} as date_day
        from subscription_periods
        union all
        select min(spent_on) as date_day
        from ad_spend
    ),

    first_days as (select min(date_day) as date_day from first_facts),

    final as (
        select cast(spine.date_day as date) as date_day
        from spine
        inner join first_days on first_days.date_day <= cast(spine.date_day as date)
    )

select *
from final
