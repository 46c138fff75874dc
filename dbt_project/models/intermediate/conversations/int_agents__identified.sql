with
    agents as (select * from {{ ref("int_agents__unioned") }}),

    final as (
        select
            source_system,
            user_id,
            {{ agent_key("source_system", "user_id", "email") }} as agent_id,
            lower(nullif(trim(email), '')) as email,
            coalesce(nullif(agent_name, ''), email, source_system || ':' || user_id) as agent_name,
            team_id
        from agents
    )

select *
from final
