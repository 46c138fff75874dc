with months as (select * from marts.revenue_by_month where breakdown = 'all' and view = 'order')

select
    month,
    is_complete,
    'first_time' as customers,
    new_customer_count as customer_count,
    new_customer_sold_amount_reporting as sold_amount_reporting
from months
union all
select
    month,
    is_complete,
    'returning' as customers,
    returning_customer_count as customer_count,
    returning_customer_sold_amount_reporting as sold_amount_reporting
from months
order by customers, month
