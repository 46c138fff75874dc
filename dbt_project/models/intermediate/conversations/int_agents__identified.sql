with
    agents as (select * from {{ ref("int_agents__unioned") }}),

    final as (
        select
            source_system,
            user_id,
            coalesce(lower(nullif(trim(email), '')), source_system || ':' || user_id) as agent_id,
            coalesce(nullif(agent_name, ''), email, source_system || ':' || user_id) as agent_name,
            team_id
        from agents
    )

select *
from final
