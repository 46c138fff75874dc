select
    month,
    deal_count,
    decided_rate = 1 as is_decided,
    decided_rate,
    win_rate,
    win_rate_lower,
    win_rate_upper,
    median_days_to_close
from marts.deal_pipeline_by_month
where breakdown = 'all' and win_rate is not null
order by month
