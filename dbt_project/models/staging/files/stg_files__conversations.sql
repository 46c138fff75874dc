with
    source as (select * from {{ source("raw_files", "conversations") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            mapping,
            mapping || ':' || conversation_id as conversation_id,
            mapping || ':' || customer_id as customer_id,
            email,
            phone,
            channel,
            campaign_id,
            closing_category,
            {{ utc_timestamp("opened_at") }} as opened_at,
            {{ utc_timestamp("closed_at") }} as closed_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
