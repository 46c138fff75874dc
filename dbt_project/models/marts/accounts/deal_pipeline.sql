with
    deals as (select * from {{ ref("fct_deals") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),

    -- A deal that is open ages until now.
    dated as (select *, coalesce(closed_at, {{ as_of() }}) as aged_until_at from deals),

    final as (
        select
            dated.deal_id,
            dated.source_system,
            dated.account_id,
            accounts.account_name,
            dated.person_id,
            dated.owner_id,
            dated.stage_id as deal_stage,
            dated.meaning,
            case when dated.is_won then 'won' when dated.is_open then 'open' else 'lost' end as deal_status,
            dated.lost_reason,
            dated.stated_lost_reason,
            dated.opened_at,
            dated.closed_at,
            {{ days_between("dated.opened_at", "dated.aged_until_at") }} as age_days,
            dated.deal_amount,
            dated.currency,
            {{ reporting_currency() }} as reporting_currency,
            dated.deal_amount_reporting
        from dated
        left join accounts on accounts.account_id = dated.account_id
    )

select *
from final
