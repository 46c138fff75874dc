with months as (select * from marts.revenue_retention where is_complete and start_customer_count > 0)

select month, 'gross' as retention, start_customer_count, gross_revenue_retention_rate as retained_ratio
from months
union all
select month, 'net' as retention, start_customer_count, net_revenue_retention_ratio as retained_ratio
from months
order by retention, month
