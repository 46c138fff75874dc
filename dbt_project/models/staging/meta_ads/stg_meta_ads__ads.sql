with
    source as (select * from {{ source("raw_meta_ads", "ads") }}),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by id
                order by updated_time desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            id as ad_id,
            adset_id as ad_set_id,
            campaign_id,
            'meta_ads:' || account_id as ad_account_id,
            name as ad_name,
            effective_status as ad_status,
            {{ utc_timestamp("created_time") }} as created_at
        from latest_versions
    )

select *
from renamed
