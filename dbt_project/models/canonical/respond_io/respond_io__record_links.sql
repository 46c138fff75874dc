with
    contacts as (select * from {{ ref("stg_respond_io__contacts") }}),

    -- The inbox stores the id of the contact in the CRM.
    final as (
        select
            contact_id as customer_id,
            'contact' as customer_record_type,
            {{ record_key("'hubspot'", "'contact'", "crm_contact_id") }} as linked_record_key
        from contacts
        where crm_contact_id is not null
    )

select *
from final
