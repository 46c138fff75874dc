with
    deals as (select * from {{ ref("fct_deals") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),

    final as (
        select
            deals.deal_id,
            deals.source_system,
            deals.deal_name,
            deals.account_id,
            accounts.account_name,
            deals.person_id,
            deals.owner_name,
            deals.stage_id as deal_stage,
            deals.meaning,
            case when deals.is_won then 'won' when deals.is_open then 'open' else 'lost' end as deal_status,
            deals.lost_reason,
            deals.stated_lost_reason,
            deals.opened_at,
            deals.closed_at,
            {{ days_between("deals.opened_at", "coalesce(deals.closed_at, " ~ as_of() ~ ")") }} as age_days,
            deals.deal_amount,
            deals.currency,
            {{ reporting_currency() }} as reporting_currency,
            deals.deal_amount_reporting
        from deals
        left join accounts on accounts.account_id = deals.account_id
    )

select *
from final
