with
    owners as (select * from {{ ref("int_contact_owners__unioned") }}),
    agents as (select * from {{ ref("int_agents__identified") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),

    -- An owner who is no longer listed is known by the id that the system gives.
    contact_agents as (
        select
            owners.record_key,
            owners.source_system,
            owners.is_for_the_moment,
            coalesce(agents.agent_id, {{ agent_key("owners.source_system", "owners.user_id") }}) as agent_id
        from owners
        left join agents on agents.source_system = owners.source_system and agents.user_id = owners.user_id
    ),

    -- The owner takes precedence over the agent who is answering at present, and a newer record over an older one.
    final as (
        select person_records.person_id, contact_agents.agent_id, contact_agents.source_system
        from contact_agents
        inner join person_records on person_records.record_key = contact_agents.record_key
        qualify
            row_number() over (
                partition by person_records.person_id
                order by
                    contact_agents.is_for_the_moment asc nulls last,
                    person_records.created_at desc nulls last,
                    contact_agents.record_key asc nulls last
            )
            = 1
    )

select *
from final
