with
    claims as (select * from {{ ref("int_ad_claims__unioned") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    final as (
        select
            claims.platform,
            claims.ad_account_id,
            campaigns.campaign_id,
            claims.ad_id,
            claims.claimed_on,
            claims.claimed_event,
            claims.attribution_window,
            claims.attribution_setting,
            claims.claimed_conversion_count,
            claims.currency,
            claims.claimed_value_amount,
            {{ converted("claims.claimed_value_amount", "exchange_rates.rate_to_reporting::double") }}
            as claimed_value_amount_reporting
        from claims
        inner join
            campaigns
            on campaigns.platform = claims.platform
            and campaigns.ad_account_id = claims.ad_account_id
            and campaigns.platform_campaign_id = claims.campaign_id
        left join
            exchange_rates on exchange_rates.currency = claims.currency and exchange_rates.date_day = claims.claimed_on
    )

select *
from final
