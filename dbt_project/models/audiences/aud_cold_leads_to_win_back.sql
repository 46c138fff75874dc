with
    current_stages as (select * from {{ ref("lifecycle_current") }}),

    final as (
        select
            entity_id,
            'cold since ' || {{ local_date("entered_at") }}::string || coalesce(': ' || lost_reason, '') as reason
        from current_stages
        where
            lifecycle_model = 'conversation'
            and stage = 'cold_lead'
            and entered_at > {{ dbt.dateadd("day", -180, as_of()) }}
    )

select *
from final
