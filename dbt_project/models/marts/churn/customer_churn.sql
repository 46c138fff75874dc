with
    customers as (select * from {{ ref("customer_value") }} where paid_order_count > 0),
    spells as (select * from {{ ref("fct_subscriber_spells") }} where person_id is not null),
    activities as (select * from {{ ref("fct_activities") }}),
    predictions as (select * from {{ source("predictions", "customer_predictions") }}),
    subscriber_predictions as (
        select * from {{ source("predictions", "subscriber_predictions") }} where person_id is not null
    ),
    churn_scores as (select * from {{ source("predictions", "churn_scores") }}),

    latest_spells as (
        select *
        from spells
        qualify row_number() over (partition by person_id order by spell_number desc nulls last) = 1
    ),

    judged as (
        select person_id
        from customers
        union
        select person_id
        from latest_spells
    ),

    -- People who pay for a subscription are still here; those who stopped were here until the end of what they had paid
    -- for.
    signs as (
        select person_id, occurred_at
        from activities
        where activity in ('order_paid', 'message_received') and person_id is not null
        union all
        select person_id, ended_at as occurred_at
        from latest_spells
        where ended_at is not null
    ),

    last_signs as (select person_id, max(occurred_at) as last_sign_at from signs group by person_id),

    ruled as (
        select
            customers.person_id,
            customers.first_purchased_at,
            customers.last_purchased_at,
            last_signs.last_sign_at,
            {{ days_between("last_signs.last_sign_at", as_of()) }} as inactive_days,
            case
                when latest_spells.person_id is null or latest_spells.ended_at is not null
                then last_signs.last_sign_at + interval '{{ var("churn_inactivity_days") }}' day
            end as rule_fires_at
        from customers
        inner join last_signs on last_signs.person_id = customers.person_id
        left join latest_spells on latest_spells.person_id = customers.person_id
    ),

    -- People who pay for a subscription leave by ending it: for them, no order is not churn.
    scored as (
        select churn_scores.*
        from churn_scores
        inner join ruled on ruled.person_id = churn_scores.person_id
        where ruled.rule_fires_at is not null
    ),

    final as (
        select
            judged.person_id,
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
            case
                when ruled.person_id is null
                then 'no paid order'
                when ruled.rule_fires_at is null
                then 'pays for a subscription now'
            end as inactivity_rule_hidden_reason,
            predictions.inactive_days as no_purchase_days,
            predictions.no_purchase_probability,
            predictions.no_purchase_probability_lower,
            predictions.no_purchase_probability_upper,
            predictions.no_purchase_band as no_purchase_risk_band,
            {{ risk_band_order("predictions.no_purchase_band") }} as no_purchase_risk_band_order,
            predictions.alive_probability,
            case
                when ruled.person_id is null
                then 'no paid order'
                else {{ prediction_hidden_reason("predictions", "no_purchase_hidden_reason") }}
            end as no_purchase_hidden_reason,
            scored.churn_probability as churn_model_probability,
            scored.churn_band as churn_model_risk_band,
            {{ risk_band_order("scored.churn_band") }} as churn_model_risk_band_order,
            scored.top_reasons_text as churn_model_top_reasons,
            scored.top_reasons as churn_model_top_reasons_json,
            case
                when ruled.person_id is null
                then 'no paid order'
                when ruled.rule_fires_at is null
                then 'pays for a subscription now'
                else {{ prediction_hidden_reason("scored", "hidden_reason") }}
            end as churn_model_hidden_reason,
            case
                when latest_spells.person_id is null
                then null
                when latest_spells.ended_at is not null
                then 'ended'
                when latest_spells.ending_known_at is not null
                then 'ending'
                else 'active'
            end as subscription_status,
            latest_spells.anchor_at as subscribed_at,
            latest_spells.ended_at as subscription_ended_at,
            latest_spells.ended_at is not null and latest_spells.person_id is not null as is_churned_by_subscription,
            subscriber_predictions.inactive_days as subscription_end_days,
            subscriber_predictions.end_probability as subscription_end_probability,
            subscriber_predictions.end_probability_lower as subscription_end_probability_lower,
            subscriber_predictions.end_probability_upper as subscription_end_probability_upper,
            subscriber_predictions.end_band as subscription_end_risk_band,
            {{ risk_band_order("subscriber_predictions.end_band") }} as subscription_end_risk_band_order,
            case
                when latest_spells.person_id is null or latest_spells.ended_at is not null
                then 'no subscription that is paid for now'
                else {{ prediction_hidden_reason("subscriber_predictions", "hidden_reason") }}
            end as subscription_end_hidden_reason
        from judged
        left join ruled on ruled.person_id = judged.person_id
        left join predictions on predictions.person_id = judged.person_id
        left join scored on scored.person_id = judged.person_id
        left join latest_spells on latest_spells.person_id = judged.person_id
        left join subscriber_predictions on subscriber_predictions.person_id = judged.person_id
    )

select *
from final
