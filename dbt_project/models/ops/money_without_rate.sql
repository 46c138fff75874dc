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
            'fct_ad_spend' as found_in,
            ad_spend_id as row_key,
            currency,
            spend_amount as amount,
            spent_on as valued_on,
            'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold' as reason
        from ad_spend
        where spend_amount_reporting is null
        union all
        select
            'fct_deals' as found_in,
            deal_id as row_key,
            currency,
            deal_amount as amount,
            cast(coalesce(closed_at, opened_at) as date) as valued_on,
            coalesce(
                'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold',
                'no currency'
            ) as reason
        from deals
        where deal_amount is not null and deal_amount_reporting is null
        union all
        select
            'fct_subscriptions' as found_in,
            subscription_id as row_key,
            currency,
            mrr_amount as amount,
            cast(coalesce(started_at, created_at) as date) as valued_on,
            coalesce(
                'no exchange rate for ' || currency || ' on or before this day, or more than an amount can hold',
                'no currency'
            ) as reason
        from subscriptions
        where rate_to_reporting is null
    )

select *
from unioned
