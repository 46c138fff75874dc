with
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
    merges as (select * from {{ ref("int_crm_merges__followed") }}),
    file_customers as (select * from {{ ref("stg_files__customers") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    file_accounts as (select * from {{ ref("stg_files__accounts") }}),

    -- One name is one company: an id is only what a list of companies calls it by.
    listed_companies as (
        select {{ file_account_id("account_name", "account_id") }} as named_account_id, file_accounts.*
        from file_accounts
    ),

    companies_above as (
        select
            listed_companies.account_id,
            coalesce(
                {{ file_account_id("listed_companies.parent_account_name", company="listed_companies.company") }},
                parents.named_account_id,
                'files:' || listed_companies.parent_account_id
            ) as stated_parent_account_id
        from listed_companies
        left join listed_companies as parents on parents.account_id = listed_companies.parent_account_id
    ),

    file_companies as (
        select
            listed_companies.named_account_id as account_id,
            coalesce(nullif(trim(listed_companies.account_name), ''), listed_companies.account_id) as account_name,
            companies_above.stated_parent_account_id,
            listed_companies.domain,
            listed_companies.industry,
            listed_companies.employee_count,
            listed_companies.owner_name,
            listed_companies.country,
            listed_companies.created_at
        from listed_companies
        inner join companies_above on companies_above.account_id = listed_companies.account_id
        union all
        select
            {{ file_account_id("company_name") }}, trim(company_name), null, null, null, null, null, country, created_at
        from file_customers
        union all
        select
            coalesce(
                listed_companies.named_account_id,
                {{ file_account_id("file_deals.account_name", "file_deals.account_id", "file_deals.company") }}
            ),
            coalesce(nullif(trim(file_deals.account_name), ''), listed_companies.account_name, file_deals.account_id),
            null,
            null,
            null,
            null,
            null,
            null,
            file_deals.created_at
        from file_deals
        left join
            listed_companies
            on listed_companies.account_id = file_deals.account_id
            and coalesce(trim(file_deals.account_name), '') = ''
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
            cast(null as bigint) as employee_count,
            cast(null as {{ dbt.type_string() }}) as owner_name,
            country,
            created_at
        from crm_companies
        union all
        select
            account_id,
            min(account_name),
            min(stated_parent_account_id),
            min(domain),
            min(industry),
            max(employee_count),
            min(owner_name),
            min(country),
            min(created_at)
        from file_companies
        where account_id is not null
        group by account_id
    )

select *
from unioned
