select distinct target, null as label_en, null as label_fr, target <> 'value' as comes_later
from marts.prediction_backtest
where is_latest and actual_total is not null and forecast_total is not null and cutoff_at is not null
order by comes_later, target
