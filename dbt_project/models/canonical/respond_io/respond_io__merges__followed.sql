{{ config(materialized="table") }}

with recursive
    messages as (select * from {{ ref("stg_respond_io__messages") }}),

    -- One message under two contacts: the inbox merged one into the other, where it was seen last.
    moved_messages as (select distinct contact_id, contact_ids from messages where contact_ids <> contact_id),
    contacts_of_messages as ({{ split_rows("moved_messages", ["contact_id"], "contact_ids", ",") }}),

    merged as (
        select part as merged_contact_id, contact_id as surviving_contact_id
        from contacts_of_messages
        where part <> contact_id
    ),

    -- What became of it may have been merged again. Each pair is found once, so that a cycle comes to an end.
    followed as (
        select merged_contact_id, surviving_contact_id
        from merged
        union
        select followed.merged_contact_id, merged.surviving_contact_id
        from followed
        inner join merged on merged.merged_contact_id = followed.surviving_contact_id
    ),

    final as (
        select followed.merged_contact_id, min(followed.surviving_contact_id) as surviving_contact_id
        from followed
        left join merged on merged.merged_contact_id = followed.surviving_contact_id
        where merged.merged_contact_id is null
        group by followed.merged_contact_id
    )

select *
from final
