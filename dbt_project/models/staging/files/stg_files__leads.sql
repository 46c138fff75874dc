with
    source as (select * from {{ source("raw_files", "leads") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify {{ once_a_company(["lead_id"], ["created_at", "qualified_at", "disqualified_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("lead_id") }} as lead_id,
            email,
            phone,
            first_name,
            last_name,
            customer_number,
            channel,
            campaign_id,
            disqualified_reason,
            {{ utc_timestamp("created_at") }} as created_at,
            {{ utc_timestamp("qualified_at") }} as qualified_at,
            {{ utc_timestamp("disqualified_at") }} as disqualified_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
