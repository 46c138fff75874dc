with
    order_lines as (select * from {{ ref("int_order_lines__unioned") }}),
    orders as (select * from {{ ref("int_orders__unioned") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    -- A cost in another currency is converted to the order's at the rates of the order's day.
    with_rates as (
        select
            order_lines.*,
            orders.currency as order_currency,
            cost_rates.rate_to_reporting::double
            / nullif(order_rates.rate_to_reporting::double, 0) as rate_to_order_currency
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
    ),

    final as (
        select
            order_line_id,
            order_id,
            source_system,
            sku,
            description,
            quantity,
            unit_price_amount,
            line_amount,
            case
                when coalesce(unit_cost_currency = order_currency, unit_cost_currency is null)
                then unit_cost_amount
                else {{ money_from_double("unit_cost_amount::double * rate_to_order_currency") }}
            end as unit_cost_amount,
            is_gift_card
        from with_rates
    )

select *
from final
