with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),

    final as (
        select
            contact_id as customer_id,
            'contact' as customer_record_type,
            owner_id as user_id,
            false as is_for_the_moment
        from contacts
        where owner_id is not null
    )

select *
from final
