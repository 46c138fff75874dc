with
    ad_spend as (select * from {{ ref("int_ad_spend__netted") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    final as (
        select
            {{ surrogate_key(["platform", "ad_account_id", "campaign_id", "ad_id", "spent_on"]) }} as ad_spend_id,
            ad_spend.platform,
            ad_spend.ad_account_id,
            ad_spend.campaign_id,
            ad_spend.ad_id,
            ad_spend.spent_on,
            ad_spend.currency,
            ad_spend.spend_amount,
            {{ converted("ad_spend.spend_amount", "exchange_rates.rate_to_reporting::double") }}
            as spend_amount_reporting,
            ad_spend.impressions,
            ad_spend.clicks,
            ad_spend.claimed_conversion_count
        from ad_spend
        left join
            exchange_rates
            on exchange_rates.currency = ad_spend.currency
            and exchange_rates.date_day = ad_spend.spent_on
    )

select *
from final
