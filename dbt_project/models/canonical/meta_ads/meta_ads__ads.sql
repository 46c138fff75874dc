with
    ads as (select * from {{ ref("stg_meta_ads__ads") }}),
    ad_sets as (select * from {{ ref("stg_meta_ads__ad_sets") }}),
    insights as (select * from {{ ref("stg_meta_ads__ad_insights") }}),

    -- Of an ad that was deleted before it was ever listed, only its delivery tells.
    unlisted as (
        select
            insights.ad_id,
            min(insights.ad_account_id) as ad_account_id,
            min(insights.campaign_id) as campaign_id,
            min(insights.ad_set_id) as ad_set_id
        from insights
        left join ads on ads.ad_id = insights.ad_id
        where ads.ad_id is null
        group by insights.ad_id
    ),

    unioned as (
        select ad_id, ad_account_id, campaign_id, ad_set_id, ad_name, ad_status
        from ads
        union all
        select ad_id, ad_account_id, campaign_id, ad_set_id, null as ad_name, null as ad_status
        from unlisted
    ),

    final as (
        select
            unioned.ad_id,
            unioned.ad_account_id,
            unioned.campaign_id,
            unioned.ad_set_id,
            ad_sets.ad_set_name,
            unioned.ad_name,
            unioned.ad_status
        from unioned
        left join ad_sets on ad_sets.ad_set_id = unioned.ad_set_id
    )

select *
from final
