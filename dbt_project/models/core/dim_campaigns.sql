with
    platform_campaigns as (select * from {{ ref("stg_meta_ads__campaigns") }}),
    file_spend as (select * from {{ ref("stg_files__ad_spend") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    named as (
        select campaign_id, 'meta_ads' as platform, campaign_name, objective, campaign_status
        from platform_campaigns
        union all
        select campaign_id, min(platform), max(campaign_name), null, null
        from file_spend
        group by campaign_id
        union all
        select campaign_id, min(platform), null, null, null
        from ad_spend
        group by campaign_id
    ),

    final as (
        select campaign_id, platform, campaign_name, objective, campaign_status
        from named
        qualify
            row_number() over (
                partition by campaign_id
                order by campaign_name asc nulls last, platform asc nulls last, objective asc nulls last
            )
            = 1
    )

select *
from final
