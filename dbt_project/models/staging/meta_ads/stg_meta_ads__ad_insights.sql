with
    source as (select * from {{ source("raw_meta_ads", "ad_insights") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by account_id, ad_id, date_start
                order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            'meta_ads:' || account_id as ad_account_id,
            campaign_id,
            adset_id as ad_set_id,
            ad_id,
            date_start as spent_on,
            upper(account_currency) as currency,
            {{ money("spend") }} as spend_amount,
            impressions,
            clicks
        from current_versions
    )

select *
from renamed
