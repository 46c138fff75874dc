with
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
    file_customers as (select * from {{ ref("stg_files__customers") }}),

    unioned as (
        select
            'hubspot:' || company_id as account_id,
            company_name as account_name,
            'hubspot:' || parent_company_id as parent_account_id,
            domain,
            industry,
            country,
            created_at
        from companies
        where not is_archived
        union all
        select
            'files:' || mapping || ':' || lower(trim(company_name)),
            min(trim(company_name)),
            null,
            null,
            null,
            min(country),
            min(created_at)
        from file_customers
        where trim(company_name) <> ''
        group by mapping, lower(trim(company_name))
    )

select *
from unioned
