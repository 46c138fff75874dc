with
    source as (select * from {{ source("raw_files", "order_lines") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["order_line_id"]) }}
    ),

    renamed as (
        select
            {{ file_id("order_line_id") }} as order_line_id,
            {{ file_id("order_id") }} as order_id,
            sku,
            description,
            quantity::decimal(18, 4) as quantity,
            {{ money("unit_price") }} as unit_price_amount,
            {{ money("quantity * unit_price") }} as line_amount,
            {{ money("unit_cost") }} as unit_cost_amount,
            coalesce(is_gift_card, false) as is_gift_card
        from current_versions
    )

select *
from renamed
