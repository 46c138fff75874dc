with
    months as (
        select month, acquired_customer_count
        from marts.revenue_by_month
        where breakdown = 'all' and view = 'order' and is_complete
    )

select latest.month as period, latest.acquired_customer_count as value, before.acquired_customer_count as year_ago
from months as latest
left join months as before on before.month = latest.month - interval 1 year
where latest.month = (select max(month) from months)
