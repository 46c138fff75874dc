with
    platform_spend as (select * from {{ ref("stg_meta_ads__ad_insights") }}),
    file_spend as (select * from {{ ref("stg_files__ad_spend") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    unioned as (
        select
            'meta_ads' as platform,
            ad_account_id,
            campaign_id,
            ad_id,
            spent_on,
            currency,
            spend_amount,
            impressions,
            clicks
        from platform_spend
        union all
        select platform, ad_account_id, campaign_id, ad_id, spent_on, currency, spend_amount, impressions, clicks
        from file_spend
    ),

    final as (
        select
            {{ surrogate_key(["platform", "ad_account_id", "campaign_id", "ad_id", "spent_on"]) }} as ad_spend_id,
            unioned.platform,
            unioned.ad_account_id,
            unioned.campaign_id,
            unioned.ad_id,
            unioned.spent_on,
            unioned.currency,
            unioned.spend_amount,
            {{ money("unioned.spend_amount * exchange_rates.rate_to_reporting::double") }} as spend_amount_reporting,
            unioned.impressions,
            unioned.clicks
        from unioned
        left join
            exchange_rates on exchange_rates.currency = unioned.currency and exchange_rates.date_day = unioned.spent_on
    )

select *
from final
