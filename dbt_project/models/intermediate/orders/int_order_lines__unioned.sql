with
    shop_lines as (select * from {{ ref("stg_shopify__order_lines") }}),
    file_lines as (select * from {{ ref("stg_files__order_lines") }}),

    unioned as (
        select
            'shopify:' || order_line_id as order_line_id,
            'shopify:' || order_id as order_id,
            sku,
            description,
            quantity,
            unit_price_amount,
            line_amount,
            -- The shop is not asked for what its goods cost.
            {{ money("null") }} as unit_cost_amount,
            is_gift_card
        from shop_lines
        union all
        select
            'files:' || order_line_id,
            'files:' || order_id,
            sku,
            description,
            quantity,
            unit_price_amount,
            line_amount,
            unit_cost_amount,
            is_gift_card
        from file_lines
    )

select *
from unioned
