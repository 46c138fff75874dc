select
    month,
    revenue_kind,
    is_complete,
    customer_count,
    sold_amount_reporting,
    refunded_amount_reporting,
    revenue_amount_reporting
from marts.revenue_by_month
where breakdown = 'kind' and view = 'order'
order by revenue_kind, month
