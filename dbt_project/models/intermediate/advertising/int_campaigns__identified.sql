with
    campaigns as (select * from {{ ref("int_campaigns__unioned") }}),
    ad_spend as (select * from {{ ref("int_ad_spend__unioned") }}),

    -- Spend can name a campaign that nothing else does.
    unioned as (
        select
            platform,
            ad_account_id,
            campaign_id as platform_campaign_id,
            campaign_name,
            objective,
            campaign_status,
            sites
        from campaigns
        union all
        select
            platform,
            ad_account_id,
            campaign_id as platform_campaign_id,
            max(campaign_name) as campaign_name,
            null as objective,
            null as campaign_status,
            null as sites
        from ad_spend
        group by platform, ad_account_id, campaign_id
    ),

    merged as (
        select
            platform,
            ad_account_id,
            platform_campaign_id,
            min(campaign_name) as campaign_name,
            min(objective) as objective,
            min(campaign_status) as campaign_status,
            min(sites) as sites
        from unioned
        group by platform, ad_account_id, platform_campaign_id
    ),

    -- An id that two platforms or accounts use stands for two campaigns: platform and account are put in front of it.
    -- Where one campaign says its platform shows ads holds for the whole platform.
    final as (
        select
            platform,
            ad_account_id,
            platform_campaign_id,
            campaign_name,
            objective,
            campaign_status,
            max(sites) over (partition by platform) as sites,
            case
                when count(*) over (partition by platform_campaign_id) = 1
                then platform_campaign_id
                else ad_account_id || ':' || platform_campaign_id
            end as campaign_id
        from merged
    )

select *
from final
