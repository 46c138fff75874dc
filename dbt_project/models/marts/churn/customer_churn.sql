with
    customers as (select * from {{ ref("customer_value") }} where paid_order_count > 0),
    activities as (select * from {{ ref("fct_activities") }}),

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
            person_id,
            first_purchased_at,
            last_purchased_at,
            last_sign_at,
            inactive_days,
            {{ var("churn_inactivity_days") }} as inactivity_rule_days,
            rule_fires_at <= {{ as_of() }} as is_churned_by_inactivity_rule,
            case when rule_fires_at <= {{ as_of() }} then rule_fires_at end as churned_by_inactivity_rule_at,
            rule_fires_at as inactivity_rule_due_at
        from ruled
    )

select *
from final
