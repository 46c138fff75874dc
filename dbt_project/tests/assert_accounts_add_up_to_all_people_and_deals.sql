-- Every person and every deal of an account is in exactly one account, and in exactly one group at the top.
with
    coverage as (select * from {{ ref("account_coverage") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    deals as (select * from {{ ref("fct_deals") }}),

    counted as (
        select
            (select count(distinct person_id) from account_persons) as people,
            (select count(*) from deals where account_id is not null) as deals,
            (select coalesce(sum(deal_amount_reporting), 0) from deals where account_id is not null) as deal_amount
    ),

    reported as (
        select
            'own' as scope,
            sum(own_stakeholder_count) as people,
            sum(own_open_deal_count + own_won_deal_count + own_lost_deal_count) as deals,
            sum(
                own_open_deal_amount_reporting + own_won_deal_amount_reporting + own_lost_deal_amount_reporting
            ) as deal_amount
        from coverage
        union all
        select
            'group' as scope,
            sum(group_stakeholder_count) as people,
            sum(group_open_deal_count + group_won_deal_count + group_lost_deal_count) as deals,
            sum(
                group_open_deal_amount_reporting + group_won_deal_amount_reporting + group_lost_deal_amount_reporting
            ) as deal_amount
        from coverage
        where is_ultimate_parent
    )

select reported.scope, reported.people, reported.deals, reported.deal_amount
from reported
cross join counted
where
    coalesce(reported.people, 0) <> counted.people
    or coalesce(reported.deals, 0) <> counted.deals
    or coalesce(reported.deal_amount, 0) <> counted.deal_amount
