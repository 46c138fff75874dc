with
    current_stages as (select * from {{ ref("lifecycle_current") }}),

    final as (
        select entity_id, 'has not paid since ' || {{ local_date("entered_at") }}::string as reason
        from current_stages
        where
            lifecycle_model = 'conversation'
            and stage = 'payment'
            and entered_at > {{ dbt.dateadd("day", -14, as_of()) }}
            and entered_at <= {{ dbt.dateadd("hour", -1, as_of()) }}
    )

select *
from final
