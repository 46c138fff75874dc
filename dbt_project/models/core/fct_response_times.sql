with
    waits as (select * from {{ ref("int_response_waits__delimited") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    agents as (select * from {{ ref("int_agents__unioned") }}),
    owners as (select * from {{ ref("int_contact_owners__unioned") }}),
    business_hours as (select * from {{ ref("int_business_hours__accumulated") }}),

    -- Until it ends, a wait lasts to the instant of the refresh.
    measured as (select *, coalesce(ended_at, {{ as_of() }}) as measured_until_at from waits),

    final as (
        select
            measured.wait_id,
            measured.conversation_id,
            person_records.person_id,
            measured.source_system,
            measured.channel,
            measured.kind,
            measured.kind <> 'follow_up' as is_first_response,
            measured.waiting_since_at,
            measured.replied_at,
            measured.ended_at,
            measured.replied_at is not null as is_answered,
            case
                when measured.user_id is not null
                then coalesce(agents.agent_id, measured.source_system || ':' || measured.user_id)
                when measured.ended_at is null
                then owners.agent_id
            end as agent_id,
            {{ seconds_between("measured.waiting_since_at", "measured.measured_until_at") }} as response_seconds,
            {{
                as_seconds(
                    business_microseconds_until("hours_until", "measured.measured_until_at")
                    ~ " - "
                    ~ business_microseconds_until("hours_since", "measured.waiting_since_at")
                )
            }} as business_response_seconds
        from measured
        left join person_records on person_records.record_key = measured.record_key
        left join agents on agents.source_system = measured.source_system and agents.user_id = measured.user_id
        left join owners on owners.record_key = measured.record_key
        left join
            business_hours as hours_since
            on hours_since.date_day = cast(measured.waiting_since_at as date)
            and measured.waiting_since_at >= hours_since.starts_at
            and measured.waiting_since_at < hours_since.ends_at
        left join
            business_hours as hours_until
            on hours_until.date_day = cast(measured.measured_until_at as date)
            and measured.measured_until_at >= hours_until.starts_at
            and measured.measured_until_at < hours_until.ends_at
    )

select *
from final
