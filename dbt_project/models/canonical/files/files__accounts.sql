with
    customers as (select * from {{ ref("stg_files__customers") }}),
    deals as (select * from {{ ref("stg_files__deals") }}),
    accounts as (select * from {{ ref("stg_files__accounts") }}),

    -- One name is one company: an id is only what a list of companies calls it.
    listed as (
        select {{ file_account_id("account_name", "account_id") }} as named_account_id, accounts.* from accounts
    ),

    companies_above as (
        select
            listed.account_id,
            coalesce(
                {{ file_account_id("listed.parent_account_name", company="listed.company") }},
                parents.named_account_id,
                listed.parent_account_id
            ) as parent_account_id
        from listed
        left join listed as parents on parents.account_id = listed.parent_account_id
    ),

    described as (
        select
            listed.named_account_id as account_id,
            min(companies_above.parent_account_id) as parent_account_id,
            min(listed.domain) as domain,
            min(listed.industry) as industry,
            max(listed.employee_count) as employee_count,
            min(nullif(trim(listed.owner_name), '')) as owner_user_id
        from listed
        inner join companies_above on companies_above.account_id = listed.account_id
        group by listed.named_account_id
    ),

    -- Customers and deals name companies too, a deal by name or by id.
    named as (
        select
            named_account_id as account_id,
            coalesce(nullif(trim(account_name), ''), account_id) as account_name,
            country,
            created_at,
            loaded_at
        from listed
        union all
        select
            {{ file_account_id("company_name") }} as account_id,
            trim(company_name) as account_name,
            country,
            created_at,
            loaded_at
        from customers
        union all
        select
            coalesce(
                listed.named_account_id,
                {{ file_account_id("deals.account_name", "deals.account_id", "deals.company") }}
            ) as account_id,
            coalesce(nullif(trim(deals.account_name), ''), listed.account_name, deals.account_id) as account_name,
            null as country,
            deals.created_at,
            deals.loaded_at
        from deals
        left join listed on listed.account_id = deals.account_id and coalesce(trim(deals.account_name), '') = ''
    ),

    merged as (
        select
            account_id,
            min(account_name) as account_name,
            min(country) as country,
            min(created_at) as created_at,
            min(loaded_at) as loaded_at
        from named
        where account_id is not null
        group by account_id
    ),

    final as (
        select
            merged.account_id,
            merged.account_name,
            described.parent_account_id,
            described.domain,
            described.industry,
            described.employee_count,
            described.owner_user_id,
            merged.country,
            merged.created_at,
            merged.loaded_at
        from merged
        left join described on described.account_id = merged.account_id
    )

select *
from final
