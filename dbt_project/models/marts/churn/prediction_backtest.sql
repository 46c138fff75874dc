with
    backtests as (select * from {{ source("predictions", "prediction_backtest") }}),

    -- The latest by when it was written, as a refresh may go back in time.
    latest as (
        select evaluated_as_of as latest_as_of
        from backtests
        order by written_at desc nulls last, evaluated_as_of desc nulls last
        limit 1
    ),

    final as (
        select
            evaluated_as_of,
            evaluated_as_of = latest_as_of as is_latest,
            model,
            target,
            cutoff_at,
            horizon_days,
            row_count,
            subject_count,
            event_rate,
            mean_probability,
            bias,
            brier,
            log_loss,
            calibration_error,
            calibration_slope,
            calibration_intercept,
            auc,
            top_decile_lift,
            actual_total,
            forecast_total,
            naive_total,
            bias_rate as bias_ratio,
            root_mean_squared_error,
            interval_coverage,
            rank_correlation,
            naive_loss,
            skill,
            difference,
            difference_error,
            is_shown,
            reason
        from backtests
        cross join latest
    )

select *
from final
