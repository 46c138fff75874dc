with
    shop_lines as (select * from {{ ref("stg_shopify__order_lines") }}),
    shop_orders as (select * from {{ ref("stg_shopify__orders") }}),
    file_lines as (select * from {{ ref("stg_files__order_lines") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    -- A shop tells costs in its own currency: they convert to the order's at the rates of the order's day.
    costed_shop_lines as (
        select
            shop_lines.order_line_id,
            shop_lines.order_id,
            shop_lines.sku,
            shop_lines.description,
            shop_lines.quantity,
            shop_lines.unit_price_amount,
            shop_lines.line_amount,
            case
                when shop_lines.unit_cost_currency = shop_orders.currency
                then shop_lines.unit_cost_amount
                else
                    {{
                        money(
                            "shop_lines.unit_cost_amount * (cost_rates.rate_to_reporting::double"
                            ~ " / nullif(order_rates.rate_to_reporting::double, 0))"
                        )
                    }}
            end as unit_cost_amount,
            shop_lines.is_gift_card
        from shop_lines
        left join shop_orders on shop_orders.order_id = shop_lines.order_id
        left join
            exchange_rates as cost_rates
            on cost_rates.currency = shop_lines.unit_cost_currency
            and cost_rates.date_day = cast(shop_orders.ordered_at as date)
        left join
            exchange_rates as order_rates
            on order_rates.currency = shop_orders.currency
            and order_rates.date_day = cast(shop_orders.ordered_at as date)
    ),

    unioned as (
        select
            'shopify:' || order_line_id as order_line_id,
            'shopify:' || order_id as order_id,
            sku,
            description,
            quantity,
            unit_price_amount,
            line_amount,
            unit_cost_amount,
            is_gift_card
        from costed_shop_lines
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
