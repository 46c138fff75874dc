with
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),
    deals as (select * from {{ ref("fct_deals") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    unioned as (
        select
            'fct_revenue_entries' as found_in,
            revenue_entry_id as row_key,
            currency,
            amount,
            cast(order_view_at as date) as valued_on,
            'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold' as reason
        from revenue_entries
        where amount_reporting is null
        union all
        select
            'fct_ad_spend',
            ad_spend_id,
            currency,
            spend_amount,
            spent_on,
            'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold'
        from ad_spend
        where spend_amount_reporting is null
        union all
        select
            'fct_deals',
            deal_id,
            currency,
            deal_amount,
            cast(coalesce(closed_at, opened_at) as date),
            coalesce(
                'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold',
                'no currency'
            )
        from deals
        where deal_amount is not null and deal_amount_reporting is null
        union all
        select
            'fct_subscriptions',
            subscription_id,
            currency,
            mrr_amount,
            cast(coalesce(started_at, created_at) as date),
            coalesce(
                'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold',
                'no currency'
            )
        from subscriptions
        where rate_to_reporting is null
    )

select *
from unioned
