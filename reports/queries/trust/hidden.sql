with
    reasons as (
        select 'predicted_value' as hidden, predicted_value_hidden_reason as reason, count(*) as customer_count
        from marts.customer_value
        group by all
        union all
        select
            'predicted_short_term_value' as hidden,
            predicted_short_term_value_hidden_reason as reason,
            count(*) as customer_count
        from marts.customer_value
        group by all
        union all
        select 'no_purchase' as hidden, no_purchase_hidden_reason as reason, count(*) as customer_count
        from marts.customer_churn
        group by all
        union all
        select 'churn_model' as hidden, churn_model_hidden_reason as reason, count(*) as customer_count
        from marts.customer_churn
        group by all
        union all
        select 'subscription_end' as hidden, subscription_end_hidden_reason as reason, count(*) as customer_count
        from marts.customer_churn
        group by all
        union all
        select 'inactivity_rule' as hidden, inactivity_rule_hidden_reason as reason, count(*) as customer_count
        from marts.customer_churn
        group by all
    )

select hidden, reason, customer_count
from reasons
where reason is not null
order by hidden, customer_count desc, reason
