with
    days as (select * from {{ ref("dim_days") }}),
    customers as (select * from {{ ref("dim_customers") }}),

    month_starts as (
        select distinct cast({{ dbt.date_trunc("month", "date_day") }} as date) as month_started_on from days
    ),

    cohorts as (select distinct cohort_month from customers),

    -- The youngest member bought just before the month was over: n months later everyone is n months old.
    final as (
        select
            cohorts.cohort_month,
            (
                extract(year from month_starts.month_started_on) * 12
                + extract(month from month_starts.month_started_on)
                - extract(year from cohorts.cohort_month) * 12
                - extract(month from cohorts.cohort_month)
                - 1
            )::int as age_months
        from cohorts
        inner join month_starts on month_starts.month_started_on > cohorts.cohort_month
    )

select *
from final
