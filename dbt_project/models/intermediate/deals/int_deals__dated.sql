with
    deals as (select * from {{ ref("int_deals__unioned") }}),
    deal_accounts as (select * from {{ ref("int_deal_accounts__unioned") }}),
    deal_roles as (select * from {{ ref("int_deal_roles__unioned") }}),
    deal_changes as (select * from {{ ref("int_deal_changes__unioned") }} where changed_at <= {{ as_of() }}),
    accounts as (select * from {{ ref("int_accounts__unioned") }}),
    merges as (
        select
            record_type,
            source_system || ':' || merged_id as merged_id,
            source_system || ':' || survivor_id as survivor_id
        from {{ ref("int_merges__followed") }}
    ),

    -- One contact stands for the deal, so that one quote is one activity: the decision maker if a role names one.
    main_contacts as (
        select deal_id, record_key
        from deal_roles
        qualify
            row_number() over (
                partition by deal_id
                order by case when role = 'decision_maker' then 0 else 1 end asc nulls last, customer_id asc nulls last
            )
            = 1
    ),

    -- The deal belongs to its primary account, or without one to the account with the smallest id. A merged account is
    -- the one that it was merged into.
    main_accounts as (
        select deal_accounts.deal_id, accounts.account_id
        from deal_accounts
        left join merges on merges.record_type = 'account' and merges.merged_id = deal_accounts.account_id
        inner join accounts on accounts.account_id = coalesce(merges.survivor_id, deal_accounts.account_id)
        qualify
            row_number() over (
                partition by deal_accounts.deal_id
                order by
                    case when deal_accounts.is_primary then 0 else 1 end asc nulls last,
                    accounts.account_id asc nulls last
            )
            = 1
    ),

    -- Deals that were merged into another one do not count.
    of_accounts as (
        select
            deals.deal_id,
            deals.source_system,
            deals.source_record_id,
            deals.deal_name,
            coalesce(deals.account_id, main_accounts.account_id) as account_id,
            coalesce(deals.record_key, main_contacts.record_key) as record_key,
            deals.owner_user_id,
            deals.deal_amount,
            deals.currency,
            deals.lost_reason as stated_lost_reason,
            deals.closed_at as stated_closed_at,
            deals.created_at,
            deals.loaded_at
        from deals
        left join main_accounts on main_accounts.deal_id = deals.deal_id
        left join main_contacts on main_contacts.deal_id = deals.deal_id
        left join merges on merges.record_type = 'deal' and merges.merged_id = deals.deal_id
        where merges.merged_id is null
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

    -- The day that its system states for a decided deal, unless it is still to come.
    dated as (
        select
            of_accounts.*,
            latest_changes.stage_id,
            latest_changes.meaning,
            latest_changes.lost_reason,
            coalesce(opened.opened_at, of_accounts.created_at) as first_changed_at,
            case
                when latest_changes.meaning in ('deal_won', 'deal_lost')
                then
                    coalesce(
                        case when of_accounts.stated_closed_at <= {{ as_of() }} then of_accounts.stated_closed_at end,
                        latest_changes.changed_at
                    )
            end as closed_at
        from of_accounts
        left join opened on opened.deal_id = of_accounts.deal_id
        left join latest_changes on latest_changes.deal_id = of_accounts.deal_id
    ),

    final as (
        select
            deal_id,
            source_system,
            source_record_id,
            deal_name,
            account_id,
            record_key,
            owner_user_id,
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
