with
    source as (select * from {{ source("raw_files", "deals") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            mapping,
            mapping || ':' || deal_id as deal_id,
            mapping || ':' || customer_id as customer_id,
            mapping || ':' || account_id as account_id,
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
