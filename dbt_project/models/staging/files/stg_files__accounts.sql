with
    source as (select * from {{ source("raw_files", "accounts") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["account_id"], ["created_at"]) }}
    ),

    renamed as (
        select
            coalesce(company, mapping) as company,
            {{ file_id("account_id") }} as account_id,
            account_name,
            {{ file_reference("parent_account_id") }} as parent_account_id,
            parent_account_name,
            industry,
            employee_count,
            owner as owner_name,
            domain,
            country,
            {{ utc_timestamp("created_at") }} as created_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
