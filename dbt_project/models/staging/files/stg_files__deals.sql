with
    source as (select * from {{ source("raw_files", "deals") }}),

    current_versions as (select * from source where _dlt_valid_to is null qualify {{ once_a_company(["deal_id"]) }}),

    renamed as (
        select
            coalesce(company, mapping) as company,
            {{ file_id("deal_id") }} as deal_id,
            {{ file_reference("customer_id") }} as customer_id,
            {{ file_reference("lead_id") }} as lead_id,
            {{ file_reference("account_id") }} as account_id,
            account_name,
            name as deal_name,
            stage as stage_id,
            owner as owner_name,
            upper(currency) as currency,
            {{ money("amount") }} as deal_amount,
            is_won,
            lost_reason,
            {{ utc_timestamp("created_at") }} as created_at,
            {{ utc_timestamp("closed_at") }} as closed_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
