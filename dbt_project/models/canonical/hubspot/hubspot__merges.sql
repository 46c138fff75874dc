with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
    deals as (select * from {{ ref("stg_hubspot__deals") }}),

    merging as (
        select 'contact' as record_type, contact_id as survivor_id, merged_contact_ids as merged_ids
        from contacts
        union all
        select 'account' as record_type, company_id as survivor_id, merged_company_ids as merged_ids
        from companies
        union all
        select 'deal' as record_type, deal_id as survivor_id, merged_deal_ids as merged_ids
        from deals
    ),

    listed as ({{ split_rows("merging", ["record_type", "survivor_id"], "merged_ids", ";") }}),

    -- A survivor may list itself.
    final as (select record_type, part as merged_id, survivor_id from listed where part <> '' and part <> survivor_id)

select *
from final
