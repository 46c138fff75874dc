with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    meanings as (select * from {{ ref("bridge_lifecycle_stage_meanings") }}),

    compared_models as (select distinct authority_model, derived_model from meanings),

    telling_stages as (select distinct authority_model, authority_stage, derived_model from meanings),

    -- Every time during which an entity was in a stage of both.
    shared_times as (
        select
            authority.entity_type,
            authority.entity_id,
            compared_models.authority_model,
            compared_models.derived_model,
            authority.stage as authority_stage,
            derived.stage as derived_stage,
            authority.entered_at as authority_entered_at,
            derived.entered_at as derived_entered_at,
            authority.duration_days as authority_days_in_stage,
            derived.duration_days as derived_days_in_stage,
            authority.entry_rule as authority_entry_rule,
            authority.entry_activity_id as authority_entry_activity_id,
            derived.entry_rule as derived_entry_rule,
            derived.entry_activity_id as derived_entry_activity_id,
            authority.is_current and derived.is_current as is_current,
            greatest(authority.entered_at, derived.entered_at) as started_at,
            least(
                coalesce(authority.exited_at, derived.exited_at), coalesce(derived.exited_at, authority.exited_at)
            ) as ended_at
        from compared_models
        inner join episodes as authority on authority.lifecycle_model = compared_models.authority_model
        inner join
            episodes as derived
            on derived.lifecycle_model = compared_models.derived_model
            and derived.entity_type = authority.entity_type
            and derived.entity_id = authority.entity_id
            and (authority.exited_at is null or derived.entered_at < authority.exited_at)
            and (derived.exited_at is null or authority.entered_at < derived.exited_at)
    ),

    judged as (
        select
            shared_times.*,
            case
                when telling_stages.authority_stage is not null then meanings.derived_stage is not null
            end as is_agreed
        from shared_times
        left join
            telling_stages
            on telling_stages.authority_model = shared_times.authority_model
            and telling_stages.authority_stage = shared_times.authority_stage
            and telling_stages.derived_model = shared_times.derived_model
        left join
            meanings
            on meanings.authority_model = shared_times.authority_model
            and meanings.authority_stage = shared_times.authority_stage
            and meanings.derived_model = shared_times.derived_model
            and meanings.derived_stage = shared_times.derived_stage
    ),

    -- A disagreement goes on through changes of stage that do not settle it; agreement, or a time out of either model,
    -- ends it.
    continued as (
        select
            *,
            coalesce(not lag(is_agreed) over by_time, false)
            and lag(ended_at) over by_time = started_at as continues_disagreement
        from judged
        window
            by_time as (
                partition by authority_model, derived_model, entity_type, entity_id order by started_at asc nulls last
            )
    ),

    dated as (
        select
            *,
            max(case when not is_agreed and not continues_disagreement then started_at end) over (
                partition by authority_model, derived_model, entity_type, entity_id
                order by started_at asc nulls last
                rows between unbounded preceding and current row
            ) as last_disagreement_at
        from continued
    ),

    final as (
        select
            dated.entity_type,
            dated.entity_id,
            dated.authority_model,
            dated.derived_model,
            dated.authority_stage,
            {{ stage_words("authority_stages", "authority_stage") }},
            dated.derived_stage,
            {{ stage_words("derived_stages", "derived_stage") }},
            dated.is_agreed,
            case when not dated.is_agreed then dated.last_disagreement_at end as disagrees_since_at,
            case
                when not dated.is_agreed then {{ days_between("dated.last_disagreement_at", as_of()) }}
            end as disagreement_days,
            dated.authority_entered_at,
            dated.authority_days_in_stage,
            dated.authority_entry_rule,
            dated.authority_entry_activity_id,
            dated.derived_entered_at,
            dated.derived_days_in_stage,
            dated.derived_entry_rule,
            dated.derived_entry_activity_id
        from dated
        inner join
            stages as authority_stages
            on authority_stages.lifecycle_model = dated.authority_model
            and authority_stages.stage = dated.authority_stage
        inner join
            stages as derived_stages
            on derived_stages.lifecycle_model = dated.derived_model
            and derived_stages.stage = dated.derived_stage
        where dated.is_current
    )

select *
from final
