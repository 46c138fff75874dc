select
    coalesce(lost_reason, 'unknown') as lost_reason,
    count(*) as deal_count,
    sum(deal_amount_reporting) as deal_amount_reporting
from marts.deal_pipeline
where deal_status = 'lost'
group by all
order by deal_count desc, lost_reason
