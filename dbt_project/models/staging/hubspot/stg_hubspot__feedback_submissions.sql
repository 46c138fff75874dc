with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_hubspot", "feedback_submissions") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by
                    hs_lastmodifieddate desc nulls last,
                    archived desc nulls last,
                    _dlt_valid_from desc nulls last,
                    _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as response_id,
            {{ own_id("contact_id") }} as contact_id,
            lower(hs_survey_type) as survey_type,
            try_cast(hs_value as double) as rating,
            lower(hs_response_group) as response_group,
            hs_content as comment,
            archived as is_archived,
            coalesce(
                {{ utc_timestamp("hs_submission_timestamp") }}, {{ utc_timestamp("hs_createdate") }}
            ) as responded_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
