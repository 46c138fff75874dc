with
    order_lines as (select * from {{ ref("stg_shopify__order_lines") }}),

    final as (
        select
            order_line_id,
            order_id,
            sku,
            description,
            quantity,
            unit_price_amount,
            line_amount,
            unit_cost_amount,
            unit_cost_currency,
            is_gift_card
        from order_lines
    )

select *
from final
