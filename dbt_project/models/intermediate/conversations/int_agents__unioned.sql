with
    inbox_users as (select * from {{ ref("stg_respond_io__users") }}),
    crm_owners as (select * from {{ ref("stg_hubspot__owners") }}),
    file_messages as (select * from {{ ref("stg_files__messages") }}),

    unioned as (
        select 'respond_io' as source_system, user_id, email, user_name as agent_name
        from inbox_users
        union all
        select 'hubspot', owner_id, email, owner_name
        from crm_owners
        union all
        select distinct
            'files',
            agent_key,
            case when agent_key like '%@%' then agent_key end,
            case when agent_key not like '%@%' then agent_key end
        from file_messages
        where agent_key is not null
    ),

    final as (
        select
            source_system,
            user_id,
            coalesce(lower(nullif(trim(email), '')), source_system || ':' || user_id) as agent_id,
            coalesce(nullif(agent_name, ''), email, source_system || ':' || user_id) as agent_name
        from unioned
    )

select *
from final
