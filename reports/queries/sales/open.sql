select meaning, count(*) as deal_count, sum(deal_amount_reporting) as deal_amount_reporting
from marts.deal_pipeline
where deal_status = 'open'
group by meaning
order by sum(deal_amount_reporting) desc nulls last, meaning
