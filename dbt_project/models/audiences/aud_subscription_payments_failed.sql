with
    periods as (select * from {{ ref("fct_subscription_periods") }}),

    failed as (
        select person_id, min(started_at) as failed_at
        from periods
        where is_current and status in ('past_due', 'unpaid') and person_id is not null
        group by person_id
    ),

    final as (
        select person_id as entity_id, 'payment has failed since ' || {{ local_date("failed_at") }}::string as reason
        from failed
    )

select *
from final
