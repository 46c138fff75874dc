with
    current_stages as (select * from {{ ref("lifecycle_current") }}),
    waits as (select * from {{ ref("fct_response_times") }}),

    waiting as (
        select person_id, min(waiting_since_at) as waiting_since_at from waits where ended_at is null group by person_id
    ),

    final as (
        select
            current_stages.entity_id,
            'has waited for a reply since ' || {{ local_date("waiting.waiting_since_at") }}::string as reason
        from current_stages
        inner join waiting on waiting.person_id = current_stages.entity_id
        where current_stages.lifecycle_model = 'conversation' and current_stages.stage = 'hot_lead'
    )

select *
from final
