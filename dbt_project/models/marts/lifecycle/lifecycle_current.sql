with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),

    ended as (select *, coalesce(exited_at, {{ as_of() }}) as ended_at from episodes),

    lasting as (select *, {{ microseconds_between("entered_at", "ended_at") }} as duration_microseconds from ended),

    visits as (
        select
            lifecycle_model,
            entity_id,
            stage,
            count(*) as visit_count,
            -- Whole microseconds add up exactly, in whatever order.
            {{ as_days("sum(duration_microseconds)") }} as days_in_stage_total,
            min(entered_at) as first_entered_at
        from lasting
        group by lifecycle_model, entity_id, stage
    ),

    entities as (
        select
            lifecycle_model,
            entity_id,
            min(entered_at) as first_entered_at,
            max(pass_number) as pass_count,
            max(case when stage_kind = 'active' then stage_order end) as furthest_stage_order
        from episodes
        group by lifecycle_model, entity_id
    ),

    current_episodes as (select * from episodes where is_current),

    final as (
        select
            current_episodes.entity_type,
            current_episodes.entity_id,
            current_episodes.lifecycle_model,
            current_episodes.stage,
            {{ stage_words("stages") }},
            current_episodes.stage_kind,
            current_episodes.entered_at,
            current_episodes.duration_days as days_in_stage,
            visits.days_in_stage_total,
            visits.visit_count,
            visits.first_entered_at as stage_first_entered_at,
            furthest.stage as furthest_stage,
            {{ stage_words("furthest", "furthest_stage") }},
            current_episodes.previous_stage,
            current_episodes.pass_number,
            entities.pass_count,
            entities.first_entered_at as lifecycle_entered_at,
            current_episodes.entry_rule,
            current_episodes.entry_activity_id,
            current_episodes.lost_reason,
            current_episodes.loaded_at
        from current_episodes
        inner join
            visits
            on visits.lifecycle_model = current_episodes.lifecycle_model
            and visits.entity_id = current_episodes.entity_id
            and visits.stage = current_episodes.stage
        inner join
            entities
            on entities.lifecycle_model = current_episodes.lifecycle_model
            and entities.entity_id = current_episodes.entity_id
        inner join
            stages
            on stages.lifecycle_model = current_episodes.lifecycle_model
            and stages.stage = current_episodes.stage
        left join
            stages as furthest
            on furthest.lifecycle_model = current_episodes.lifecycle_model
            and furthest.stage_order = entities.furthest_stage_order
    )

select *
from final
