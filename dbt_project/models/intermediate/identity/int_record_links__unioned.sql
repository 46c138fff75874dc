with
    crm_contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    inbox_contacts as (select * from {{ ref("stg_respond_io__contacts") }}),
    inbox_messages as (select * from {{ ref("stg_respond_io__messages") }}),

    merged_contacts as ({{ split_rows("crm_contacts", ["contact_id"], "merged_contact_ids", ";") }}),

    -- One message under two contacts: the inbox merged one into the other.
    moved_messages as (select distinct contact_id, contact_ids from inbox_messages where contact_ids <> contact_id),
    contacts_of_messages as ({{ split_rows("moved_messages", ["contact_id"], "contact_ids", ",") }}),

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
        union
        select
            {{ record_key("'respond_io'", "'contact'", "contact_id") }},
            {{ record_key("'respond_io'", "'contact'", "part") }}
        from contacts_of_messages
        where part <> contact_id
    )

select *
from unioned
