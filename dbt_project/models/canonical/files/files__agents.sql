with
    messages as (select * from {{ ref("stg_files__messages") }}),
    accounts as (select * from {{ ref("stg_files__accounts") }}),
    deals as (select * from {{ ref("stg_files__deals") }}),

    named as (
        select agent_key as user_id
        from messages
        union
        select trim(owner_name) as user_id
        from accounts
        union
        select trim(owner_name) as user_id
        from deals
    ),

    final as (
        select
            user_id,
            case when user_id like '%@%' then user_id end as email,
            case when user_id not like '%@%' then user_id end as agent_name
        from named
        where trim(user_id) <> ''
    )

select *
from final
