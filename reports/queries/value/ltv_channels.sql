select
    acquisition_channel,
    sum(cohort_size) as cohort_size,
    sum(order_view_revenue_amount_reporting) as revenue_amount_reporting,
    sum(order_view_revenue_amount_reporting) / sum(cohort_size) as revenue_per_customer
from marts.ltv_cohorts
where age_months = 6
group by acquisition_channel
order by revenue_per_customer desc, acquisition_channel
