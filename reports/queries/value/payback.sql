select
    cohort_month,
    spend_amount_reporting,
    customer_count,
    customer_acquisition_cost_reporting,
    ltv_to_cac_ratio,
    payback_age_months,
    payback_status,
    payback_status = 'paid_back' as is_paid_back
from marts.acquisition_payback
where breakdown = 'all' and payback_status <> 'no_spend'
order by cohort_month
