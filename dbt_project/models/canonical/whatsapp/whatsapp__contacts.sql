with
    contacts as (select * from {{ ref("stg_whatsapp__contacts") }}),

    final as (
        select
            source_account, 'contact' as record_type, contact_id as record_id, phone, first_name, created_at, loaded_at
        from contacts
    )

select *
from final
