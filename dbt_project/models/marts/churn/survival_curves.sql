with
    curves as (select * from {{ source("predictions", "survival_curves") }}),

    final as (
        select
            curve,
            breakdown,
            breakdown_value,
            duration_days,
            at_risk_count,
            event_count,
            censored_count,
            survival_rate,
            survival_rate_lower,
            survival_rate_upper,
            cumulative_hazard
        from curves
    )

select *
from final
