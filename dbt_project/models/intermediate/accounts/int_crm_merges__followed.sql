with recursive
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    inbox_messages as (select * from {{ ref("stg_respond_io__messages") }}),

    merging as (
        select 'contact' as record_type, contact_id as survivor_id, merged_contact_ids as merged_ids
        from contacts
        union all
        select 'company', company_id, merged_company_ids
        from companies
        union all
        select 'deal', deal_id, merged_deal_ids
        from deals
    ),

    listed as ({{ split_rows("merging", ["record_type", "survivor_id"], "merged_ids", ";") }}),

    -- One message under two contacts: the inbox merged one into the other, where it was seen last.
    moved_messages as (select distinct contact_id, contact_ids from inbox_messages where contact_ids <> contact_id),
    contacts_of_messages as ({{ split_rows("moved_messages", ["contact_id"], "contact_ids", ",") }}),

    merged as (
        select record_type, part as merged_id, survivor_id
        from listed
        where part <> '' and part <> survivor_id
        union all
        select 'inbox_contact', part, contact_id
        from contacts_of_messages
        where part <> contact_id
    ),

    -- What became of it may have been merged again. Each pair is found once, so that a cycle comes to an end.
    followed as (
        select record_type, merged_id, survivor_id
        from merged
        union
        select followed.record_type, followed.merged_id, merged.survivor_id
        from followed
        inner join merged on merged.record_type = followed.record_type and merged.merged_id = followed.survivor_id
    ),

    final as (
        select followed.record_type, followed.merged_id, min(followed.survivor_id) as survivor_id
        from followed
        left join merged on merged.record_type = followed.record_type and merged.merged_id = followed.survivor_id
        where merged.merged_id is null
        group by followed.record_type, followed.merged_id
    )

select *
from final
