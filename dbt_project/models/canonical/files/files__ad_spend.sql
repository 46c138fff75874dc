with
    ad_spend as (select * from {{ ref("stg_files__ad_spend") }}),

    final as (
        select
            platform,
            ad_account_id,
            campaign_id,
            campaign_name,
            ad_id,
            spent_on,
            currency,
            spend_amount,
            impressions,
            clicks,
            {{ money("claimed_conversion_count") }} as claimed_conversion_count
        from ad_spend
    )

select *
from final
