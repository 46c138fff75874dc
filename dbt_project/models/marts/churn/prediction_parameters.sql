with
    parameters as (select * from {{ source("predictions", "fitted_parameters") }}),
    backtests as (select * from {{ ref("prediction_backtest") }}),

    latest as (select distinct evaluated_as_of as latest_as_of from backtests where is_latest),

    final as (
        select
            parameters.evaluated_as_of,
            latest.latest_as_of is not null as is_latest,
            parameters.model,
            parameters.billing_months,
            parameters.parameter,
            parameters.estimate,
            parameters.standard_error,
            parameters.estimate_lower,
            parameters.estimate_upper,
            parameters.is_held,
            parameters.observation_count,
            parameters.log_likelihood
        from parameters
        left join latest on latest.latest_as_of = parameters.evaluated_as_of
    )

select *
from final
