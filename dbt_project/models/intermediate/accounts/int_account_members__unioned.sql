with
    accounts as (select * from {{ ref("int_accounts__unioned") }}),
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    merges as (select * from {{ ref("int_crm_merges__followed") }}),
    file_customers as (select * from {{ ref("stg_files__customers") }}),
    deals as (select * from {{ ref("int_deals__unioned") }}),
    deal_roles as (select * from {{ ref("int_deal_roles__unioned") }}),

    unioned as (
        select
            'hubspot:' || coalesce(merges.survivor_id, contacts.company_id) as account_id,
            {{ record_key("'hubspot'", "'contact'", "contacts.contact_id") }} as record_key,
            cast(null as {{ dbt.type_string() }}) as role,
            true as is_employer
        from contacts
        left join merges on merges.record_type = 'company' and merges.merged_id = contacts.company_id
        union
        select
            {{ file_account_id("company_name") }}, {{ record_key("'files'", "'customer'", "customer_id") }}, null, true
        from file_customers
        union
        select deals.account_id, deal_roles.record_key, deal_roles.role, false
        from deals
        inner join deal_roles on deal_roles.deal_id = deals.deal_id
        union
        select account_id, record_key, null, false
        from deals
        where record_key is not null
    ),

    -- A company that was deleted in its system has no members.
    final as (
        select unioned.account_id, unioned.record_key, unioned.role, unioned.is_employer
        from unioned
        inner join accounts on accounts.account_id = unioned.account_id
    )

select *
from final
