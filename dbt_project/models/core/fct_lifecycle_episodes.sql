with
    episodes as (select * from {{ ref("int_lifecycle_episodes__unioned") }}),

    final as (
        select
            {{ surrogate_key(["lifecycle_model", "entity_type", "entity_id", "entered_at"]) }} as episode_id,
            entity_type,
            entity_id,
            lifecycle_model,
            stage,
            stage_kind,
            stage_order,
            pass_number,
            entered_at,
            exited_at,
            exited_at is null as is_current,
            {{ days_between("entered_at", "coalesce(exited_at, " ~ as_of() ~ ")") }} as duration_days,
            lag(stage) over episode_order as previous_stage,
            lead(stage) over episode_order as next_stage,
            entry_rule,
            entry_activity_id,
            lost_reason,
            loaded_at
        from episodes
        window episode_order as (partition by lifecycle_model, entity_id order by entered_at asc nulls last)
    )

select *
from final
