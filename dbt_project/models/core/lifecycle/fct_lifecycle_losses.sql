with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    causes as (select * from {{ ref("fct_lifecycle_episode_causes") }}),

    -- Within a pass one stage follows the other without a gap.
    followed as (
        select
            *,
            lag(stage) over in_pass as stage_left,
            lag(stage_kind) over in_pass as stage_left_kind,
            lag(duration_days) over in_pass as days_in_stage_left,
            lag(episode_id) over in_pass as episode_left_id,
            min(case when stage_kind = 'active' then entered_at end) over (
                partition by lifecycle_model, entity_type, entity_id
                order by entered_at asc nulls last
                rows between 1 following and unbounded following
            ) as won_back_at
        from episodes
        window
            in_pass as (
                partition by lifecycle_model, entity_type, entity_id, pass_number order by entered_at asc nulls last
            )
    ),

    -- A loss has the cause that was known in the stage that was left; if none was left, nobody had asked for anything.
    final as (
        select
            followed.episode_id,
            followed.lifecycle_model,
            followed.entity_type,
            followed.entity_id,
            coalesce(followed.stage_left, 'none') as stage_left,
            followed.stage_left_kind,
            followed.stage as lost_stage,
            followed.lost_reason,
            followed.entered_at as lost_at,
            followed.won_back_at,
            case
                when followed.episode_left_id is null then 'none_needed' else causes.first_response_bucket
            end as first_response_bucket,
            causes.channel,
            causes.owner_id,
            followed.days_in_stage_left
        from followed
        inner join causes on causes.episode_id = coalesce(followed.episode_left_id, followed.episode_id)
        where followed.stage_kind = 'lost'
    )

select *
from final
