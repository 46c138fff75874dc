with
    messages as (select * from {{ ref("stg_files__messages") }}),

    final as (
        select distinct
            agent_key as user_id,
            case when agent_key like '%@%' then agent_key end as email,
            case when agent_key not like '%@%' then agent_key end as agent_name
        from messages
        where agent_key is not null
    )

select *
from final
