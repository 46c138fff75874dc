with
    cutoffs as (
        select *
        from marts.prediction_backtest
        where is_latest and cutoff_at is not null and actual_total is not null and forecast_total is not null
    )

select target, cutoff_at::date as cutoff_on, horizon_days, row_count, 'actual' as told, actual_total as total
from cutoffs
union all
select target, cutoff_at::date as cutoff_on, horizon_days, row_count, 'forecast' as told, forecast_total as total
from cutoffs
union all
select target, cutoff_at::date as cutoff_on, horizon_days, row_count, 'naive' as told, naive_total as total
from cutoffs
order by target, told, cutoff_on
