with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),

    final as (
        select
            entity_type,
            entity_id,
            lifecycle_model,
            stage,
            stage_kind,
            pass_number,
            entered_at,
            exited_at,
            is_current,
            duration_days,
            previous_stage,
            next_stage,
            entry_rule,
            entry_activity_id,
            lost_reason,
            loaded_at
        from episodes
    )

select *
from final
