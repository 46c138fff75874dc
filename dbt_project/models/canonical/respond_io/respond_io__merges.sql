with
    messages as (select * from {{ ref("stg_respond_io__messages") }}),

    -- One message under two contacts: the inbox merged one into the other, where it was seen last.
    moved_messages as (select distinct contact_id, contact_ids from messages where contact_ids <> contact_id),

    contacts_of_messages as ({{ split_rows("moved_messages", ["contact_id"], "contact_ids", ",") }}),

    final as (
        select distinct 'contact' as record_type, part as merged_id, contact_id as survivor_id
        from contacts_of_messages
        where part <> contact_id
    )

select *
from final
