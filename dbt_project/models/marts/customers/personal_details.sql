with
    persons as (select * from {{ ref("dim_persons") }}),
    agents as (select * from {{ ref("dim_agents") }}),
    deals as (select * from {{ ref("fct_deals") }}),

    final as (
        select
            'person' as entity_type,
            person_id as entity_id,
            nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '') as display_name,
            first_name,
            last_name,
            email,
            phone
        from persons
        union all
        select
            'agent' as entity_type,
            agent_id as entity_id,
            agent_name as display_name,
            null as first_name,
            null as last_name,
            email,
            null as phone
        from agents
        union all
        select
            'deal' as entity_type,
            deal_id as entity_id,
            deal_name as display_name,
            null as first_name,
            null as last_name,
            null as email,
            null as phone
        from deals
    )

select *
from final
