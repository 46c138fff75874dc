with
    source as (select * from {{ source("raw_meta_ads", "ad_accounts") }}),

    -- Two accounts of the source may see one ad account: it and its spend count once.
    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (partition by id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last) = 1
    ),

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
