with
    accounts as (select * from {{ ref("int_accounts__unioned") }}),
    contacts as (select * from {{ ref("int_contacts__unioned") }}),
    deals as (select * from {{ ref("int_deals__dated") }}),
    deal_roles as (select * from {{ ref("int_deal_roles__unioned") }}),
    merged_accounts as (
        select source_system || ':' || merged_id as account_id, source_system || ':' || survivor_id as survivor_id
        from {{ ref("int_merges__followed") }}
        where record_type = 'account'
    ),

    -- Everybody in a deal belongs to its account, whether or not a role is stated for them.
    roles as (
        select deals.account_id, deal_roles.record_key, deal_roles.role
        from deals
        inner join deal_roles on deal_roles.deal_id = deals.deal_id
        union
        select account_id, record_key, null as role
        from deals
        where record_key is not null
    ),

    unioned as (
        select
            coalesce(merged_accounts.survivor_id, contacts.account_id) as account_id,
            {{ record_key("contacts.source_system", "contacts.record_type", "contacts.record_id") }} as record_key,
            cast(null as {{ dbt.type_string() }}) as role,
            true as is_employer
        from contacts
        left join merged_accounts on merged_accounts.account_id = contacts.account_id
        union all
        select account_id, record_key, role, false as is_employer
        from roles
    ),

    -- An account that was deleted in its system has no members.
    final as (
        select unioned.account_id, unioned.record_key, unioned.role, unioned.is_employer
        from unioned
        inner join accounts on accounts.account_id = unioned.account_id
    )

select *
from final
