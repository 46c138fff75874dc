with
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    soonest as (
        select person_id, min(renews_at) as renews_at
        from subscriptions
        where
            status = 'active'
            and cancelled_at is null
            and person_id is not null
            and billing_months >= 3
            and renews_at <= {{ dbt.dateadd("day", 30, as_of()) }}
        group by person_id
    ),

    final as (
        select person_id as entity_id, 'renews on ' || {{ local_date("renews_at") }}::string as reason from soonest
    )

select *
from final
