with
    claims as (select * from {{ ref("stg_meta_ads__ad_claims") }}),

    final as (
        select
            'meta_ads' as platform,
            ad_account_id,
            campaign_id,
            ad_id,
            claimed_on,
            claimed_event,
            attribution_window,
            -- A window says itself how long it is; the default is whatever the ad set is judged by.
            case
                when attribution_window = 'default' then attribution_setting else attribution_window
            end as attribution_setting,
            coalesce(claimed_conversion_count, 0) as claimed_conversion_count,
            currency,
            claimed_value_amount
        from claims
    )

select *
from final
