select target, horizon_days, is_shown, row_count, skill, bias_ratio, reason
from marts.prediction_backtest
where is_latest and cutoff_at is null
order by is_shown desc, horizon_days, target
