with
    campaigns as (select * from {{ ref("stg_meta_ads__campaigns") }}),

    final as (
        select
            'meta_ads' as platform,
            ad_account_id,
            campaign_id,
            campaign_name,
            objective,
            campaign_status,
            'facebook,instagram' as sites
        from campaigns
    )

select *
from final
