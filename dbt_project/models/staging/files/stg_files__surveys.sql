with
    source as (select * from {{ source("raw_files", "surveys") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["response_id"], ["responded_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("response_id") }} as response_id,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            lower(survey_type) as survey_type,
            score::double as score,
            comment,
            {{ utc_timestamp("responded_at") }} as responded_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
