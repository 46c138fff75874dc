with
    source as (select * from {{ source("raw_files", "consents") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["consent_id"], ["stated_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("consent_id") }} as consent_id,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            phone,
            purpose,
            coalesce(channel, 'all') as channel,
            is_granted,
            {{ utc_timestamp("stated_at") }} as stated_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
