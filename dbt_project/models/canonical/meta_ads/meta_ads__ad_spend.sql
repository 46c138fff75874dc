with
    insights as (select * from {{ ref("stg_meta_ads__ad_insights") }}),

    final as (
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
        from insights
    )

select *
from final
