with
    crm_contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    inbox_contacts as (select * from {{ ref("stg_respond_io__contacts") }}),

    merged_contacts as ({{ split_rows("crm_contacts", ["contact_id"], "merged_contact_ids", ";") }}),

    unioned as (
        select
            {{ record_key("'hubspot'", "'contact'", "contact_id") }} as record_key,
            {{ record_key("'hubspot'", "'contact'", "part") }} as linked_record_key
        from merged_contacts
        where part <> ''
        union
        select
            {{ record_key("'respond_io'", "'contact'", "contact_id") }},
            {{ record_key("'hubspot'", "'contact'", "crm_contact_id") }}
        from inbox_contacts
        where crm_contact_id is not null
    )

select *
from unioned
