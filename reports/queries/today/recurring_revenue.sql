with months as (select month, end_mrr_amount_reporting from marts.revenue_retention)

select latest.month as period, latest.end_mrr_amount_reporting as value, before.end_mrr_amount_reporting as year_ago
from months as latest
left join months as before on before.month = latest.month - interval 1 year
where latest.month = (select max(month) from months)
