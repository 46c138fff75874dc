with
    customers as (select * from {{ ref("customer_value") }} where paid_order_count > 0),
    activities as (select * from {{ ref("fct_activities") }}),
    predictions as (select * from {{ source("predictions", "customer_predictions") }}),
    churn_scores as (select * from {{ source("predictions", "churn_scores") }}),

    last_signs as (
        select person_id, max(occurred_at) as last_sign_at
        from activities
        where activity in ('order_paid', 'message_received') and person_id is not null
        group by person_id
    ),

    ruled as (
        select
            customers.person_id,
            customers.first_purchased_at,
            customers.last_purchased_at,
            last_signs.last_sign_at,
            {{ days_between("last_signs.last_sign_at", as_of()) }} as inactive_days,
            last_signs.last_sign_at + interval '{{ var("churn_inactivity_days") }}' day as rule_fires_at
        from customers
        inner join last_signs on last_signs.person_id = customers.person_id
    ),

    final as (
        select
            ruled.person_id,
            ruled.first_purchased_at,
            ruled.last_purchased_at,
            ruled.last_sign_at,
            ruled.inactive_days,
            {{ var("churn_inactivity_days") }} as inactivity_rule_days,
            ruled.rule_fires_at <= {{ as_of() }} as is_churned_by_inactivity_rule,
            case
                when ruled.rule_fires_at <= {{ as_of() }} then ruled.rule_fires_at
            end as churned_by_inactivity_rule_at,
            ruled.rule_fires_at as inactivity_rule_due_at,
            predictions.inactive_days as no_purchase_days,
            predictions.no_purchase_probability,
            predictions.no_purchase_probability_lower,
            predictions.no_purchase_probability_upper,
            predictions.no_purchase_band as no_purchase_risk_band,
            predictions.alive_probability,
            {{ prediction_hidden_reason("predictions", "no_purchase_hidden_reason") }} as no_purchase_hidden_reason,
            churn_scores.churn_probability as churn_model_probability,
            churn_scores.churn_band as churn_model_risk_band,
            churn_scores.top_reasons_text as churn_model_top_reasons,
            churn_scores.top_reasons as churn_model_top_reasons_json,
            {{ prediction_hidden_reason("churn_scores", "hidden_reason") }} as churn_model_hidden_reason
        from ruled
        left join predictions on predictions.person_id = ruled.person_id
        left join churn_scores on churn_scores.person_id = ruled.person_id
    )

select *
from final
