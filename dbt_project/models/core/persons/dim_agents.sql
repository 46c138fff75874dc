with
    agents as (select * from {{ ref("int_agents__identified") }}),

    final as (
        select
            agent_id,
            min(agent_name) as agent_name,
            min(email) as email,
            {{ sorted_list("source_system") }} as source_systems
        from agents
        group by agent_id
    )

select *
from final
