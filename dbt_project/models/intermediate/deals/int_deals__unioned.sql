with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_companies as (select * from {{ ref("stg_hubspot__deal_companies") }}),
    owners as (select * from {{ ref("stg_hubspot__owners") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    deal_roles as (select * from {{ ref("int_deal_roles__unioned") }}),
    deal_changes as (select * from {{ ref("int_deal_changes__unioned") }}),
    accounts as (select * from {{ ref("int_accounts__unioned") }}),

    -- One contact stands for the deal, so that one quote is one activity: who decides, where a role says so.
    main_contacts as (
        select deal_id, record_key
        from deal_roles
        qualify
            row_number() over (
                partition by deal_id
                order by
                    case when role = 'decision_maker' then 0 else 1 end asc nulls last, source_record_id asc nulls last
            )
            = 1
    ),

    -- The deal is its primary company's; without a primary one, that of the smallest id.
    deal_accounts as (
        select deal_companies.deal_id, accounts.account_id
        from deal_companies
        inner join accounts on accounts.account_id = 'hubspot:' || deal_companies.company_id
        qualify
            row_number() over (
                partition by deal_companies.deal_id
                order by
                    case when deal_companies.role like '%Primary%' then 0 else 1 end asc nulls last,
                    accounts.account_id asc nulls last
            )
            = 1
    ),

    unioned as (
        select
            'hubspot:' || deals.deal_id as deal_id,
            'hubspot' as source_system,
            deals.deal_id as source_record_id,
            deals.deal_name,
            deal_accounts.account_id,
            main_contacts.record_key,
            owners.owner_name,
            deals.deal_amount,
            deals.currency,
            deals.lost_reason as stated_lost_reason,
            deals.created_at,
            deals.loaded_at
        from deals
        left join deal_accounts on deal_accounts.deal_id = deals.deal_id
        left join main_contacts on main_contacts.deal_id = 'hubspot:' || deals.deal_id
        left join owners on owners.owner_id = deals.owner_id
        where not deals.is_archived
        union all
        select
            'files:' || deal_id,
            'files',
            deal_id,
            deal_name,
            {{ file_account_id("account_name", "account_id") }},
            {{ record_key("'files'", "'customer'", "customer_id") }},
            owner_name,
            deal_amount,
            currency,
            lost_reason,
            created_at,
            loaded_at
        from file_deals
    ),

    opened as (select deal_id, min(changed_at) as opened_at from deal_changes group by deal_id),

    latest_changes as (
        select *
        from deal_changes
        qualify
            row_number() over (
                partition by deal_id
                order by
                    changed_at desc nulls last,
                    -- What decides a deal comes after what happens in the same instant.
                    case when meaning in ('deal_won', 'deal_lost') then 1 else 0 end desc nulls last,
                    stage_id desc nulls last
            )
            = 1
    ),

    final as (
        select
            unioned.deal_id,
            unioned.source_system,
            unioned.source_record_id,
            unioned.deal_name,
            unioned.account_id,
            unioned.record_key,
            unioned.owner_name,
            latest_changes.stage_id,
            latest_changes.meaning,
            coalesce(opened.opened_at, unioned.created_at) as opened_at,
            case
                when latest_changes.meaning in ('deal_won', 'deal_lost') then latest_changes.changed_at
            end as closed_at,
            coalesce(latest_changes.meaning, 'open') not in ('deal_won', 'deal_lost') as is_open,
            coalesce(latest_changes.meaning = 'deal_won', false) as is_won,
            latest_changes.lost_reason,
            case when latest_changes.meaning = 'deal_lost' then unioned.stated_lost_reason end as stated_lost_reason,
            unioned.deal_amount,
            unioned.currency,
            unioned.loaded_at
        from unioned
        left join opened on opened.deal_id = unioned.deal_id
        left join latest_changes on latest_changes.deal_id = unioned.deal_id
        where coalesce(opened.opened_at, unioned.created_at) <= {{ as_of() }}
    )

select *
from final
