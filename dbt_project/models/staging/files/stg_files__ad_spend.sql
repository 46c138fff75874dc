with
    source as (select * from {{ source("raw_files", "ad_spend") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        -- The account is the platform's own, whichever mapping reports it.
        qualify
            row_number() over (
                partition by platform, account_id, campaign_id, ad_id, spent_on order by mapping desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            platform,
            platform || ':' || account_id as ad_account_id,
            campaign_id,
            campaign_name,
            ad_id,
            spent_on,
            upper(currency) as currency,
            {{ money("spend_amount") }} as spend_amount,
            coalesce(impressions, 0) as impressions,
            coalesce(clicks, 0) as clicks,
            conversions as claimed_conversion_count
        from current_versions
    )

select *
from renamed
