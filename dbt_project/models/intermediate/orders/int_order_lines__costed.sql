with
    order_lines as (select * from {{ ref("int_order_lines__unioned") }}),
    orders as (select * from {{ ref("int_orders__unioned") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    -- A cost in another currency is converted to the order's at the rates of the order's day.
    final as (
        select
            order_lines.order_line_id,
            order_lines.order_id,
            order_lines.source_system,
            order_lines.sku,
            order_lines.description,
            order_lines.quantity,
            order_lines.unit_price_amount,
            order_lines.line_amount,
            case
                when coalesce(order_lines.unit_cost_currency = orders.currency, order_lines.unit_cost_currency is null)
                then order_lines.unit_cost_amount
                else
                    {{
                        money(
                            "order_lines.unit_cost_amount * (cost_rates.rate_to_reporting::double"
                            ~ " / nullif(order_rates.rate_to_reporting::double, 0))"
                        )
                    }}
            end as unit_cost_amount,
            order_lines.is_gift_card
        from order_lines
        left join orders on orders.order_id = order_lines.order_id
        left join
            exchange_rates as cost_rates
            on cost_rates.currency = order_lines.unit_cost_currency
            and cost_rates.date_day = cast(orders.ordered_at as date)
        left join
            exchange_rates as order_rates
            on order_rates.currency = orders.currency
            and order_rates.date_day = cast(orders.ordered_at as date)
    )

select *
from final
