with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_hubspot", "companies") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by hs_lastmodifieddate desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as company_id,
            name as company_name,
            domain,
            industry,
            country,
            {{ own_id("hs_parent_company_id") }} as parent_company_id,
            {{ own_ids("hs_merged_object_ids", ";") }} as merged_company_ids,
            archived as is_archived,
            {{ utc_timestamp("createdate") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
