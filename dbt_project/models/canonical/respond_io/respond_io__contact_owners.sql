with
    contacts as (select * from {{ ref("stg_respond_io__contacts") }}),

    final as (
        select
            contact_id as customer_id,
            'contact' as customer_record_type,
            assigned_user_id as user_id,
            true as is_for_the_moment
        from contacts
        where assigned_user_id is not null
    )

select *
from final
