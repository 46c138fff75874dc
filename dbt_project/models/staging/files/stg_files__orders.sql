with
    source as (select * from {{ source("raw_files", "orders") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify {{ once_a_company(["order_id"], ["ordered_at", "paid_at", "cancelled_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("order_id") }} as order_id,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            phone,
            upper(currency) as currency,
            {{ money("total_amount") }} as total_amount,
            {{ money("coalesce(tax_amount, 0)") }} as tax_amount,
            {{ money("coalesce(shipping_amount, 0)") }} as shipping_amount,
            coalesce(is_test, false) as is_test,
            payment_type,
            channel,
            campaign_id,
            {{ utc_timestamp("ordered_at") }} as ordered_at,
            {{ utc_timestamp("paid_at") }} as paid_at,
            {{ utc_timestamp("cancelled_at") }} as cancelled_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
