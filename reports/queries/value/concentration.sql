select
    case period when 'all' then 'ever' else period end as period,
    top_rate,
    top_customer_count,
    top_revenue_amount_reporting,
    top_revenue_rate,
    gini_coefficient
from marts.revenue_concentration
order by period, top_rate
