with
    contacts as (select * from {{ ref("stg_respond_io__contacts") }}),

    final as (
        select
            source_account,
            'contact' as record_type,
            contact_id as record_id,
            email,
            phone,
            country,
            customer_number,
            first_name,
            last_name,
            is_blocked,
            created_at,
            loaded_at
        from contacts
    )

select *
from final
