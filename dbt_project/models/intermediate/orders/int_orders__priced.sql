with
    orders as (select * from {{ ref("int_orders__unioned") }}),
    payments as (select * from {{ ref("int_payments__separated") }} where is_order),
    order_lines as (select * from {{ ref("int_order_lines__costed") }}),

    line_totals as (
        select
            order_id,
            sum(line_amount) as lines_amount,
            coalesce(sum(line_amount) filter (where is_gift_card), 0) as gift_card_amount,
            -- One line of unknown cost makes the cost of the order unknown. A gift card has none.
            case
                when count(*) filter (where unit_cost_amount is null and not is_gift_card) = 0
                then coalesce(sum(quantity::decimal(18, 4) * unit_cost_amount) filter (where not is_gift_card), 0)
            end as cost_amount
        from order_lines
        group by order_id
    ),

    unioned as (
        select
            order_id,
            source_system,
            source_record_id,
            record_key,
            customer_id is null as is_guest,
            is_test,
            channel,
            campaign_id,
            click_ids,
            first_visited_at,
            visit_source,
            visit_medium,
            currency,
            total_amount,
            tax_amount,
            shipping_amount,
            payment_type,
            ordered_at,
            paid_at,
            cancelled_at,
            loaded_at
        from orders
        union all
        select
            payment_id as order_id,
            source_system,
            source_record_id,
            record_key,
            customer_id is null as is_guest,
            false as is_test,
            null as channel,
            null as campaign_id,
            null as click_ids,
            null as first_visited_at,
            null as visit_source,
            null as visit_medium,
            currency,
            total_amount,
            tax_amount,
            {{ money("0") }} as shipping_amount,
            payment_type,
            created_at as ordered_at,
            paid_at,
            null as cancelled_at,
            loaded_at
        from payments
    ),

    with_amounts as (
        select
            unioned.order_id,
            unioned.source_system,
            unioned.source_record_id,
            unioned.record_key,
            unioned.is_guest,
            unioned.is_test,
            unioned.channel,
            unioned.campaign_id,
            unioned.click_ids,
            unioned.first_visited_at,
            unioned.visit_source,
            unioned.visit_medium,
            unioned.currency,
            {{ money("coalesce(unioned.total_amount, line_totals.lines_amount, 0)") }} as total_amount,
            unioned.tax_amount,
            unioned.shipping_amount,
            {{ money("coalesce(line_totals.gift_card_amount, 0)") }} as gift_card_amount,
            {{ money("line_totals.cost_amount") }} as cost_amount,
            unioned.payment_type,
            unioned.ordered_at,
            unioned.paid_at,
            unioned.cancelled_at,
            unioned.loaded_at
        from unioned
        left join line_totals on line_totals.order_id = unioned.order_id
    ),

    judged as (
        select
            *,
            -- A total below zero is money paid back: a refund without an order, rather than an order.
            total_amount < 0 as is_credit_note,
            {% if var("revenue_includes_shipping") -%} {{ money("total_amount - tax_amount - gift_card_amount") }}
            {%- else -%} {{ money("total_amount - tax_amount - gift_card_amount - shipping_amount") }}
            {%- endif %} as net_amount
        from with_amounts
    ),

    -- Shipping and gift cards are counted in full before a discount that makes an order cheaper than they are.
    final as (
        select
            *,
            case
                when is_credit_note then greatest(net_amount, total_amount) else greatest(net_amount, {{ money("0") }})
            end as revenue_amount
        from judged
    )

select *
from final
