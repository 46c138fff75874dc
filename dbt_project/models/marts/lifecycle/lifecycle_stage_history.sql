with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),

    final as (
        select
            episodes.entity_type,
            episodes.entity_id,
            episodes.lifecycle_model,
            episodes.stage,
            {{ stage_words("stages") }},
            episodes.stage_kind,
            episodes.pass_number,
            episodes.entered_at,
            episodes.exited_at,
            episodes.is_current,
            episodes.duration_days,
            episodes.previous_stage,
            episodes.next_stage,
            episodes.entry_rule,
            episodes.entry_activity_id,
            episodes.lost_reason,
            episodes.loaded_at
        from episodes
        inner join stages on stages.lifecycle_model = episodes.lifecycle_model and stages.stage = episodes.stage
    )

select *
from final
