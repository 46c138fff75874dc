with
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
    merges as (select * from {{ ref("int_crm_merges__followed") }}),
    file_customers as (select * from {{ ref("stg_files__customers") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),

    file_companies as (
        select
            {{ file_account_id("company_name") }} as account_id, trim(company_name) as account_name, country, created_at
        from file_customers
        union all
        select
            {{ file_account_id("account_name", "account_id") }},
            coalesce(nullif(trim(account_name), ''), account_id),
            null,
            created_at
        from file_deals
    ),

    -- A company that was merged into another one, or deleted, is none; a parent that was merged is what it became.
    crm_companies as (
        select companies.*, coalesce(merged_parents.survivor_id, companies.parent_company_id) as current_parent_id
        from companies
        left join merges on merges.record_type = 'company' and merges.merged_id = companies.company_id
        left join
            merges as merged_parents
            on merged_parents.record_type = 'company'
            and merged_parents.merged_id = companies.parent_company_id
        where not companies.is_archived and merges.merged_id is null
    ),

    unioned as (
        select
            'hubspot:' || company_id as account_id,
            company_name as account_name,
            'hubspot:' || current_parent_id as stated_parent_account_id,
            domain,
            industry,
            country,
            created_at
        from crm_companies
        union all
        select account_id, min(account_name), null, null, null, min(country), min(created_at)
        from file_companies
        where account_id is not null
        group by account_id
    )

select *
from unioned
