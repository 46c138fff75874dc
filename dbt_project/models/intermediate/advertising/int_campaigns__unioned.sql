with
    platform_campaigns as (select * from {{ ref("stg_meta_ads__campaigns") }}),
    platform_spend as (select * from {{ ref("stg_meta_ads__ad_insights") }}),
    file_spend as (select * from {{ ref("stg_files__ad_spend") }}),

    -- Spend can name a campaign that nothing else does.
    unioned as (
        select
            'meta_ads' as platform,
            ad_account_id,
            campaign_id as platform_campaign_id,
            campaign_name,
            objective,
            campaign_status
        from platform_campaigns
        union all
        select distinct 'meta_ads', ad_account_id, campaign_id, null, null, null
        from platform_spend
        union all
        select platform, ad_account_id, campaign_id, max(campaign_name), null, null
        from file_spend
        group by platform, ad_account_id, campaign_id
    ),

    merged as (
        select
            platform,
            ad_account_id,
            platform_campaign_id,
            min(campaign_name) as campaign_name,
            min(objective) as objective,
            min(campaign_status) as campaign_status
        from unioned
        group by platform, ad_account_id, platform_campaign_id
    ),

    -- An id that two platforms or accounts have is two campaigns: platform and account stand in front of it.
    final as (
        select
            *,
            case
                when count(*) over (partition by platform_campaign_id) = 1
                then platform_campaign_id
                else ad_account_id || ':' || platform_campaign_id
            end as campaign_id
        from merged
    )

select *
from final
