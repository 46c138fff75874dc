with
    members as (select * from {{ ref("stg_loyalty_app__members") }}),

    final as (
        select 'member' as record_type, member_id as record_id, email, phone, joined_at as created_at, loaded_at
        from members
    )

select *
from final
