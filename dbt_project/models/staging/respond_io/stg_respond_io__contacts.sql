with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_respond_io", "contacts") }}
    ),

    -- REST gives snapshots without an update instant: the version seen last is the current one.
    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as contact_id,
            email,
            phone,
            first_name,
            last_name,
            country_code as country,
            customer_number,
            hubspot_contact_id as crm_contact_id,
            lifecycle as inbox_stage,
            {{ own_id("assignee_id") }} as assigned_user_id,
            status as contact_status,
            coalesce(is_blocked, false) as is_blocked,
            {{ utc_timestamp("created_at") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
