with
    platform_campaigns as (select * from {{ ref("stg_meta_ads__campaigns") }}),
    file_spend as (select * from {{ ref("stg_files__ad_spend") }}),

    unioned as (
        select campaign_id, 'meta_ads' as platform, campaign_name, objective, campaign_status
        from platform_campaigns
        union all
        select campaign_id, min(platform), max(campaign_name), null, null
        from file_spend
        group by campaign_id
    )

select *
from unioned
