select nullif(sum(open_deal_amount_reporting), 0) as value, null as year_ago
from marts.deal_pipeline_by_month
where breakdown = 'all'
