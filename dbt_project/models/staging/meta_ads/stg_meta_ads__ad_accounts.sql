with
    source as (select * from {{ source("raw_meta_ads", "ad_accounts") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            'meta_ads:' || id as ad_account_id,
            name as ad_account_name,
            upper(currency) as currency,
            timezone_name as time_zone
        from current_versions
    )

select *
from renamed
