with
    -- An age counts where every month of the quarter with customers has reached it: else the curve would change
    -- cohorts.
    sizes as (
        select
            date_trunc('quarter', cohort_month)::date as quarter,
            count(distinct cohort_month) as month_count,
            max(cohort_month) as last_month
        from marts.ltv_cohorts
        group by quarter
    ),

    ages as (
        select
            date_trunc('quarter', cohort_month)::date as quarter,
            age_months,
            count(distinct cohort_month) as month_count,
            sum(cohort_size) as cohort_size,
            sum(order_view_revenue_amount_reporting) as revenue_amount_reporting,
            sum(order_view_revenue_amount_reporting) / sum(cohort_size) as revenue_per_customer
        from marts.ltv_cohorts
        group by quarter, age_months
    )

select ages.quarter, ages.age_months, ages.cohort_size, ages.revenue_amount_reporting, ages.revenue_per_customer
from ages
inner join sizes on sizes.quarter = ages.quarter and sizes.month_count = ages.month_count
qualify dense_rank() over (order by ages.quarter desc) <= 8
order by ages.quarter, ages.age_months
