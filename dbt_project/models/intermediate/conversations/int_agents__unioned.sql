with
    inbox_users as (select * from {{ ref("stg_respond_io__users") }}),
    crm_owners as (select * from {{ ref("stg_hubspot__owners") }}),

    unioned as (
        select 'respond_io' as source_system, user_id, email, user_name as agent_name, team_id
        from inbox_users
        union all
        select 'hubspot', owner_id, email, owner_name, null
        from crm_owners
    ),

    final as (
        select
            source_system,
            user_id,
            coalesce(lower(nullif(trim(email), '')), source_system || ':' || user_id) as agent_id,
            coalesce(nullif(agent_name, ''), email, source_system || ':' || user_id) as agent_name,
            team_id
        from unioned
    )

select *
from final
