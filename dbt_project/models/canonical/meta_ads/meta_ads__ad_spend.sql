with
    insights as (select * from {{ ref("stg_meta_ads__ad_insights") }}),
    claims as (select * from {{ ref("stg_meta_ads__ad_claims") }}),

    -- What the ad manager shows of the event that stands first.
    shown_claims as (
        select *
        from claims
        where attribution_window = 'default' and claimed_event = '{{ (var("meta_claimed_events") | list)[0] }}'
    ),

    final as (
        select
            'meta_ads' as platform,
            insights.ad_account_id,
            insights.campaign_id,
            insights.ad_id,
            insights.spent_on,
            insights.currency,
            insights.spend_amount,
            insights.impressions,
            insights.clicks,
            shown_claims.claimed_conversion_count
        from insights
        left join
            shown_claims
            on shown_claims.ad_account_id = insights.ad_account_id
            and shown_claims.ad_id = insights.ad_id
            and shown_claims.claimed_on = insights.spent_on
    )

select *
from final
