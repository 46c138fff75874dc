with
    source as (select * from {{ source("raw_meta_ads", "ad_insights") }}),

    numbered as (
        select
            *,
            row_number() over (
                partition by account_id, ad_id, date_start
                order by _dlt_valid_from asc nulls last, _dlt_id asc nulls last
            ) as version_number
        from source
    ),

    -- A figure that the current version leaves out keeps its last known value.
    completed as (
        select
            *,
            max_by(impressions, case when impressions is not null then version_number end) over (
                partition by account_id, ad_id, date_start
            ) as latest_impressions,
            max_by(clicks, case when clicks is not null then version_number end) over (
                partition by account_id, ad_id, date_start
            ) as latest_clicks
        from numbered
    ),

    current_versions as (
        select *
        from completed
        where _dlt_valid_to is null
        qualify
            row_number() over (partition by account_id, ad_id, date_start order by version_number desc nulls last) = 1
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
            coalesce(latest_impressions, 0) as impressions,
            coalesce(latest_clicks, 0) as clicks
        from current_versions
    )

select *
from renamed
