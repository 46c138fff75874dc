with
    source as (select * from {{ source("raw_files", "conversations") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify {{ once_a_company(["conversation_id"], ["opened_at", "closed_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("conversation_id") }} as conversation_id,
            {{ file_reference("customer_id") }} as customer_id,
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
