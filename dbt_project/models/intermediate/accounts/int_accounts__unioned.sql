with
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
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

    unioned as (
        select
            'hubspot:' || company_id as account_id,
            company_name as account_name,
            'hubspot:' || parent_company_id as stated_parent_account_id,
            domain,
            industry,
            country,
            created_at
        from companies
        where not is_archived
        union all
        select account_id, min(account_name), null, null, null, min(country), min(created_at)
        from file_companies
        where account_id is not null
        group by account_id
    )

select *
from unioned
