with
    churns as (select * from {{ ref("customer_churn") }}),
    customer_values as (select * from {{ ref("customer_value") }}),

    final as (
        select
            churns.person_id as entity_id,
            coalesce(
                churns.churn_model_top_reasons,
                case
                    when churns.subscription_end_risk_band = 'high'
                    then 'their subscription is likely to end'
                    else 'no further purchase is expected'
                end
            ) as reason
        from churns
        inner join customer_values on customer_values.person_id = churns.person_id
        where
            customer_values.rfm_monetary_score >= 4
            and not coalesce(churns.is_churned_by_inactivity_rule, false)
            and not coalesce(churns.is_churned_by_subscription, false)
            and (
                churns.churn_model_risk_band = 'high'
                or churns.no_purchase_risk_band = 'high'
                or churns.subscription_end_risk_band = 'high'
            )
    )

select *
from final
