with
    platform_spend as (select * from {{ ref("stg_meta_ads__ad_insights") }}),
    file_spend as (select * from {{ ref("stg_files__ad_spend") }}),

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
    )

select *
from unioned
