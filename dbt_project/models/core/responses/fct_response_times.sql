with
    waits as (select * from {{ ref("int_response_waits__delimited") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    agents as (select * from {{ ref("int_agents__identified") }}),
    owners as (select * from {{ ref("int_contact_owners__unioned") }}),
    business_hours as (select * from {{ ref("int_business_hours__accumulated") }}),

    hours_teams as (select distinct team_id from business_hours),

    -- An owner who is no longer listed is known by the id that the system gives.
    contact_agents as (
        select
            owners.record_key,
            coalesce(agents.agent_id, {{ agent_key("owners.source_system", "owners.user_id") }}) as agent_id,
            agents.team_id
        from owners
        left join agents on agents.source_system = owners.source_system and agents.user_id = owners.user_id
    ),

    -- Until it ends, a wait lasts to the instant of the refresh. Its team is the one under which someone replied, or
    -- else the team of the agent who replied, to whom a bot handed over, or to whom the contact is assigned.
    measured as (
        select
            waits.*,
            coalesce(waits.ended_at, {{ as_of() }}) as measured_until_at,
            case
                when waits.user_id is not null
                then coalesce(agents.agent_id, {{ agent_key("waits.source_system", "waits.user_id") }})
                when waits.ended_at is null
                then contact_agents.agent_id
            end as agent_id,
            coalesce(
                waits.replied_by_team_id,
                case
                    when waits.user_id is not null
                    then agents.team_id
                    when waits.ended_at is null
                    then contact_agents.team_id
                end
            ) as team_id
        from waits
        left join agents on agents.source_system = waits.source_system and agents.user_id = waits.user_id
        left join contact_agents on contact_agents.record_key = waits.record_key
    ),

    -- A team without hours of its own has the company's.
    scheduled as (
        select measured.*, coalesce(hours_teams.team_id, '') as hours_team_id
        from measured
        left join hours_teams on hours_teams.team_id = measured.team_id
    ),

    timed as (
        select
            scheduled.*,
            {{ business_microseconds_until("hours_until", "scheduled.measured_until_at") }}
            - {{ business_microseconds_until("hours_since", "scheduled.waiting_since_at") }} as business_microseconds
        from scheduled
        left join
            business_hours as hours_since
            on hours_since.team_id = scheduled.hours_team_id
            and hours_since.date_day = cast(scheduled.waiting_since_at as date)
            and scheduled.waiting_since_at >= hours_since.starts_at
            and scheduled.waiting_since_at < hours_since.ends_at
        left join
            business_hours as hours_until
            on hours_until.team_id = scheduled.hours_team_id
            and hours_until.date_day = cast(scheduled.measured_until_at as date)
            and scheduled.measured_until_at >= hours_until.starts_at
            and scheduled.measured_until_at < hours_until.ends_at
    ),

    final as (
        select
            timed.wait_id,
            timed.conversation_id,
            person_records.person_id,
            timed.source_system,
            timed.channel,
            timed.kind,
            timed.kind <> 'follow_up' as is_first_response,
            timed.waiting_since_at,
            timed.replied_at,
            timed.ended_at,
            timed.replied_at is not null as is_answered,
            timed.agent_id,
            timed.team_id,
            {{ seconds_between("timed.waiting_since_at", "timed.measured_until_at") }} as response_seconds,
            {{ as_seconds("business_microseconds") }} as business_response_seconds
        from timed
        left join person_records on person_records.record_key = timed.record_key
    )

select *
from final
