with
    months as (
        select month, revenue_amount_reporting
        from marts.revenue_by_month
        where breakdown = 'all' and view = 'order' and is_complete
    )

select latest.month as period, latest.revenue_amount_reporting as value, before.revenue_amount_reporting as year_ago
from months as latest
left join months as before on before.month = latest.month - interval 1 year
where latest.month = (select max(month) from months)
