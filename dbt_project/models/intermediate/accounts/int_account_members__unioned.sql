with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    companies as (select * from {{ ref("stg_hubspot__companies") }}),
    deal_companies as (select * from {{ ref("stg_hubspot__deal_companies") }}),
    deal_contacts as (select * from {{ ref("stg_hubspot__deal_contacts") }}),
    file_customers as (select * from {{ ref("stg_files__customers") }}),

    unioned as (
        select
            'hubspot:' || contacts.company_id as account_id,
            {{ record_key("'hubspot'", "'contact'", "contacts.contact_id") }} as record_key,
            cast(null as {{ dbt.type_string() }}) as role
        from contacts
        inner join companies on companies.company_id = contacts.company_id
        union all
        select
            'hubspot:' || deal_companies.company_id,
            {{ record_key("'hubspot'", "'contact'", "deal_contacts.contact_id") }},
            deal_contacts.role
        from deal_companies
        inner join deal_contacts on deal_contacts.deal_id = deal_companies.deal_id
        inner join companies on companies.company_id = deal_companies.company_id
        union all
        select
            'files:' || mapping || ':' || lower(trim(company_name)),
            {{ record_key("'files'", "'customer'", "customer_id") }},
            null
        from file_customers
        where trim(company_name) <> ''
    )

select *
from unioned
