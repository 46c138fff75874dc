with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),

    final as (
        select
            source_account,
            'contact' as record_type,
            contact_id as record_id,
            email,
            additional_emails,
            phone,
            country,
            customer_number,
            first_name,
            last_name,
            is_archived,
            company_id as account_id,
            created_at,
            loaded_at
        from contacts
    )

select *
from final
