with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_companies as (select * from {{ ref("stg_hubspot__deal_companies") }}),
    merges as (select * from {{ ref("int_crm_merges__followed") }}),
    owners as (select * from {{ ref("stg_hubspot__owners") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    file_accounts as (select * from {{ ref("stg_files__accounts") }}),
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

    -- The deal is its primary company's; without a primary one, that of the smallest id. A company that was merged is
    -- the one it was merged into.
    deal_accounts as (
        select deal_companies.deal_id, accounts.account_id
        from deal_companies
        left join merges on merges.record_type = 'company' and merges.merged_id = deal_companies.company_id
        inner join
            accounts on accounts.account_id = 'hubspot:' || coalesce(merges.survivor_id, deal_companies.company_id)
        qualify
            row_number() over (
                partition by deal_companies.deal_id
                order by
                    case when deal_companies.is_primary then 0 else 1 end asc nulls last,
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
            deals.closed_at as stated_closed_at,
            deals.created_at,
            deals.loaded_at
        from deals
        left join deal_accounts on deal_accounts.deal_id = deals.deal_id
        left join main_contacts on main_contacts.deal_id = 'hubspot:' || deals.deal_id
        left join owners on owners.owner_id = deals.owner_id
        left join merges on merges.record_type = 'deal' and merges.merged_id = deals.deal_id
        where not deals.is_archived and merges.merged_id is null
        union all
        select
            'files:' || file_deals.deal_id,
            'files',
            file_deals.deal_id,
            file_deals.deal_name,
            {{
                file_account_id(
                    "coalesce(nullif(trim(file_deals.account_name), ''), file_accounts.account_name)",
                    "file_deals.account_id",
                    "file_deals.company",
                )
            }},
            -- A deal that names no customer is its lead's.
            coalesce(
                {{ record_key("'files'", "'customer'", "file_deals.customer_id") }},
                {{ record_key("'files'", "'lead'", "file_deals.lead_id") }}
            ),
            file_deals.owner_name,
            file_deals.deal_amount,
            file_deals.currency,
            file_deals.lost_reason,
            null,
            file_deals.created_at,
            file_deals.loaded_at
        from file_deals
        left join file_accounts on file_accounts.account_id = file_deals.account_id
    ),

    opened as (select deal_id, min(changed_at) as opened_at from deal_changes group by deal_id),

    latest_changes as (
        select *
        from deal_changes
        qualify
            row_number() over (
                partition by deal_id
                order by
                    case when is_current then 0 else 1 end asc nulls last,
                    changed_at desc nulls last,
                    stage_id desc nulls last
            )
            = 1
    ),

    -- Of a decided deal the CRM states the day, if it is not still to come.
    dated as (
        select
            unioned.*,
            latest_changes.stage_id,
            latest_changes.meaning,
            latest_changes.lost_reason,
            coalesce(opened.opened_at, unioned.created_at) as first_changed_at,
            case
                when latest_changes.meaning in ('deal_won', 'deal_lost')
                then
                    coalesce(
                        case when unioned.stated_closed_at <= {{ as_of() }} then unioned.stated_closed_at end,
                        latest_changes.changed_at
                    )
            end as closed_at
        from unioned
        left join opened on opened.deal_id = unioned.deal_id
        left join latest_changes on latest_changes.deal_id = unioned.deal_id
    ),

    final as (
        select
            deal_id,
            source_system,
            source_record_id,
            deal_name,
            account_id,
            record_key,
            owner_name,
            stage_id,
            meaning,
            least(first_changed_at, coalesce(closed_at, first_changed_at)) as opened_at,
            closed_at,
            coalesce(meaning, 'open') not in ('deal_won', 'deal_lost') as is_open,
            coalesce(meaning = 'deal_won', false) as is_won,
            lost_reason,
            case when meaning = 'deal_lost' then stated_lost_reason end as stated_lost_reason,
            deal_amount,
            currency,
            loaded_at
        from dated
        where first_changed_at <= {{ as_of() }}
    )

select *
from final
