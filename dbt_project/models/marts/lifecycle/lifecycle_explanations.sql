with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    rules as (select * from {{ ref("dim_lifecycle_rules") }}),
    activities as (select * from {{ ref("fct_activities") }}),
    entries as (select * from {{ ref("fct_lifecycle_entries") }}),

    final as (
        select
            episodes.lifecycle_model,
            episodes.entity_type,
            episodes.entity_id,
            episodes.stage,
            {{ stage_words("stages") }},
            episodes.pass_number,
            episodes.entered_at,
            episodes.exited_at,
            episodes.is_current,
            episodes.previous_stage,
            episodes.entry_rule,
            rules.rule_text,
            episodes.lost_reason,
            episodes.entry_activity_id,
            activities.activity as entry_activity,
            activities.occurred_at as entry_activity_occurred_at,
            activities.person_id as entry_person_id,
            activities.source_system,
            activities.source_record_id,
            {{ channel_or_unknown("activities.channel") }} as channel,
            -- The ids of clicks stand for persons, and explain nothing.
            {{ without_click_ids("activities.attributes", "activities.click_ids") }} as attributes,
            entries.measures
        from episodes
        inner join stages on stages.lifecycle_model = episodes.lifecycle_model and stages.stage = episodes.stage
        inner join rules on rules.lifecycle_model = episodes.lifecycle_model and rules.rule = episodes.entry_rule
        left join activities on activities.activity_id = episodes.entry_activity_id
        left join
            entries
            on entries.entity_type = episodes.entity_type
            and entries.entity_id = episodes.entity_id
            and entries.entered_at = episodes.entered_at
            and entries.entry_activity_id = episodes.entry_activity_id
    )

select *
from final
