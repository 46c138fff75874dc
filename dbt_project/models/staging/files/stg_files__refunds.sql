with
    source as (select * from {{ source("raw_files", "refunds") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["refund_id"], ["refunded_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("refund_id") }} as refund_id,
            {{ file_reference("order_id") }} as order_id,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            upper(currency) as currency,
            {{ money("amount") }} as refund_amount,
            {{ utc_timestamp("refunded_at") }} as refunded_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
