{% set pass_key = "lifecycle_model, entity_type, entity_id, pass_number" %}

with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    waits as (select * from {{ ref("fct_response_times") }} where is_first_response),
    account_persons as (select * from {{ ref("bridge_account_persons") }} where is_main_account),
    owners as (select * from {{ ref("bridge_person_owners") }}),
    activities as (select * from {{ ref("fct_activities") }}),

    passes as (
        select
            {{ pass_key }},
            min(entered_at) as started_at,
            max(coalesce(exited_at, {{ as_of() }})) as ended_at,
            min_by(entry_activity_id, entered_at) as first_activity_id
        from episodes
        group by {{ pass_key }}
    ),

    pass_persons as (
        select passes.*, passes.entity_id as person_id
        from passes
        where passes.entity_type = 'person'
        union all
        select passes.*, account_persons.person_id
        from passes
        inner join account_persons on account_persons.account_id = passes.entity_id
        where passes.entity_type = 'account'
    ),

    -- The first response that a pass asked for. A wait that began before the pass and lasts into it counts too.
    first_waits as (
        select
            pass_persons.lifecycle_model,
            pass_persons.entity_type,
            pass_persons.entity_id,
            pass_persons.pass_number,
            waits.channel,
            waits.agent_id,
            waits.waiting_since_at,
            waits.replied_at,
            waits.response_seconds
        from pass_persons
        inner join
            waits
            on waits.person_id = pass_persons.person_id
            and waits.waiting_since_at < pass_persons.ended_at
            and (waits.ended_at > pass_persons.started_at or waits.ended_at is null)
        qualify
            row_number() over (
                partition by
                    pass_persons.lifecycle_model,
                    pass_persons.entity_type,
                    pass_persons.entity_id,
                    pass_persons.pass_number
                order by waits.waiting_since_at asc nulls last, waits.wait_id asc nulls last
            )
            = 1
    ),

    -- What was known of the first response when the stage was left, or is known now.
    answered as (
        select
            episodes.episode_id,
            first_waits.waiting_since_at < coalesce(episodes.exited_at, {{ as_of() }}) as has_waited,
            first_waits.replied_at <= coalesce(episodes.exited_at, {{ as_of() }}) as is_answered,
            first_waits.response_seconds,
            first_waits.channel as wait_channel,
            first_waits.agent_id,
            activities.channel as first_channel,
            owners.agent_id as person_owner_id
        from episodes
        inner join
            passes
            on passes.lifecycle_model = episodes.lifecycle_model
            and passes.entity_type = episodes.entity_type
            and passes.entity_id = episodes.entity_id
            and passes.pass_number = episodes.pass_number
        left join
            first_waits
            on first_waits.lifecycle_model = episodes.lifecycle_model
            and first_waits.entity_type = episodes.entity_type
            and first_waits.entity_id = episodes.entity_id
            and first_waits.pass_number = episodes.pass_number
        left join activities on activities.activity_id = passes.first_activity_id
        left join owners on owners.person_id = episodes.entity_id and episodes.entity_type = 'person'
    ),

    final as (
        select
            episode_id,
            case
                when not coalesce(has_waited, false)
                then 'none_needed'
                when not coalesce(is_answered, false)
                then 'unanswered'
                when response_seconds < 300
                then 'under_5_minutes'
                when response_seconds < 3600
                then 'under_1_hour'
                when response_seconds < 14400
                then 'under_4_hours'
                when response_seconds < 86400
                then 'under_24_hours'
                else '24_hours_or_more'
            end as first_response_bucket,
            {{ channel_or_unknown("case when has_waited then wait_channel end, first_channel") }} as channel,
            coalesce(case when has_waited and is_answered then agent_id end, person_owner_id, 'none') as owner_id
        from answered
    )

select *
from final
