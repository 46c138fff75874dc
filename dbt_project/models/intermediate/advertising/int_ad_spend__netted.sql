with
    ad_spend as (select * from {{ ref("int_ad_spend__unioned") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),

    with_ads as (
        select
            *,
            sum(case when ad_id is not null then spend_amount end) over by_campaign_day as ads_spend_amount,
            sum(case when ad_id is not null then impressions end) over by_campaign_day as ads_impressions,
            sum(case when ad_id is not null then clicks end) over by_campaign_day as ads_clicks,
            sum(case when ad_id is not null then claimed_conversion_count end) over by_campaign_day
            as ads_claimed_conversion_count
        from ad_spend
        window by_campaign_day as (partition by platform, ad_account_id, campaign_id, spent_on, currency)
    ),

    -- A campaign-level row above rows of its ads adds only what they do not cover.
    remaining as (
        select
            platform,
            ad_account_id,
            campaign_id as platform_campaign_id,
            ad_id,
            spent_on,
            currency,
            case
                when ad_id is null
                then {{ money("greatest(spend_amount - coalesce(ads_spend_amount, 0), 0)") }}
                else spend_amount
            end as spend_amount,
            case
                when ad_id is null then greatest(impressions - coalesce(ads_impressions, 0), 0)::bigint else impressions
            end as impressions,
            case
                when ad_id is null then greatest(clicks - coalesce(ads_clicks, 0), 0)::bigint else clicks
            end as clicks,
            case
                when ad_id is null
                then {{ money("greatest(claimed_conversion_count - coalesce(ads_claimed_conversion_count, 0), 0)") }}
                else claimed_conversion_count
            end as claimed_conversion_count,
            ad_id is null and ads_spend_amount is not null as is_remainder
        from with_ads
    ),

    final as (
        select
            remaining.platform,
            remaining.ad_account_id,
            campaigns.campaign_id,
            remaining.ad_id,
            remaining.spent_on,
            remaining.currency,
            remaining.spend_amount,
            remaining.impressions,
            remaining.clicks,
            remaining.claimed_conversion_count
        from remaining
        inner join
            campaigns
            on campaigns.platform = remaining.platform
            and campaigns.ad_account_id = remaining.ad_account_id
            and campaigns.platform_campaign_id = remaining.platform_campaign_id
        where
            not remaining.is_remainder
            or remaining.spend_amount
            + remaining.impressions
            + remaining.clicks
            + coalesce(remaining.claimed_conversion_count, 0)
            > 0
    )

select *
from final
