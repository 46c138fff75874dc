with
    inbox_contacts as (select * from {{ ref("stg_respond_io__contacts") }}),
    crm_contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    agents as (select * from {{ ref("int_agents__unioned") }}),

    unioned as (
        select
            'respond_io' as source_system,
            {{ record_key("'respond_io'", "'contact'", "contact_id") }} as record_key,
            assigned_user_id as user_id
        from inbox_contacts
        where assigned_user_id is not null
        union all
        select 'hubspot', {{ record_key("'hubspot'", "'contact'", "contact_id") }}, owner_id
        from crm_contacts
        where owner_id is not null
    ),

    -- An owner who is no longer listed keeps the id that the system gives.
    final as (
        select
            unioned.record_key,
            unioned.source_system,
            coalesce(agents.agent_id, unioned.source_system || ':' || unioned.user_id) as agent_id,
            agents.team_id
        from unioned
        left join agents on agents.source_system = unioned.source_system and agents.user_id = unioned.user_id
    )

select *
from final
