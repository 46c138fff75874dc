with
    months as (
        select month, customer_acquisition_cost_reporting
        from marts.revenue_by_month
        where breakdown = 'all' and view = 'order' and is_complete and acquisition_spend_amount_reporting > 0
    )

select
    latest.month as period,
    latest.customer_acquisition_cost_reporting as value,
    before.customer_acquisition_cost_reporting as year_ago
from months as latest
left join months as before on before.month = latest.month - interval 1 year
where latest.month = (select max(month) from months)
