with
    months as (
        select month, net_revenue_retention_ratio
        from marts.revenue_retention
        where is_complete and net_revenue_retention_ratio is not null
    )

select
    latest.month as period, latest.net_revenue_retention_ratio as value, before.net_revenue_retention_ratio as year_ago
from months as latest
left join months as before on before.month = latest.month - interval 1 year
where latest.month = (select max(month) from months)
