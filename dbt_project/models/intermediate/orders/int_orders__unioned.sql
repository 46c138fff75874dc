with
    shop_orders as (select * from {{ ref("stg_shopify__orders") }}),
    shop_transactions as (select * from {{ ref("stg_shopify__order_transactions") }}),
    shop_paybacks as (select * from {{ ref("int_shop_paybacks__itemised") }}),
    shop_deletions as (select * from {{ ref("stg_shopify__deletions") }}),
    file_orders as (select * from {{ ref("stg_files__orders") }}),
    payments as (select * from {{ ref("int_payments__separated") }} where is_order),
    order_lines as (select * from {{ ref("int_order_lines__unioned") }}),

    -- An order is paid when money first arrives: an authorisation alone is not a payment.
    shop_payments as (
        select
            order_id,
            min(processed_at) as paid_at,
            min_by(gateway, cast(processed_at as {{ dbt.type_string() }}) || order_transaction_id) as payment_type
        from shop_transactions
        where transaction_kind in ('SALE', 'CAPTURE') and transaction_status = 'SUCCESS'
        group by order_id
    ),

    refunded_taxes as (
        select order_id, sum(tax_amount) as tax_amount
        from shop_paybacks
        where payback_reason = 'refund'
        group by order_id
    ),

    -- What was placed in an order changes when it is edited: then it is what stands in it now and what was paid
    -- back. The shop calls an order paid that had nothing to pay, or was paid where it does not see it: it was paid
    -- when placed.
    settled_shop_orders as (
        select
            shop_orders.*,
            case
                when shop_orders.is_edited and shop_orders.current_total_amount is not null
                then {{ money("shop_orders.current_total_amount + shop_orders.refunded_amount") }}
                else shop_orders.total_amount
            end as due_amount,
            case
                when shop_orders.is_edited and shop_orders.current_total_amount is not null
                then {{ money("shop_orders.current_tax_amount + coalesce(refunded_taxes.tax_amount, 0)") }}
                else shop_orders.tax_amount
            end as due_tax_amount,
            case
                when shop_payments.paid_at is not null
                then shop_payments.paid_at
                when shop_orders.financial_status in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED')
                then shop_orders.ordered_at
            end as paid_at,
            shop_payments.payment_type
        from shop_orders
        left join shop_payments on shop_payments.order_id = shop_orders.order_id
        left join refunded_taxes on refunded_taxes.order_id = shop_orders.order_id
        left join
            shop_deletions
            on shop_deletions.order_id = shop_orders.order_id
            and shop_deletions.deleted_at >= shop_orders.updated_at
        where shop_deletions.order_id is null
    ),

    line_totals as (
        select
            order_id,
            sum(line_amount) as lines_amount,
            coalesce(sum(line_amount) filter (where is_gift_card), 0) as gift_card_amount,
            -- One line of unknown cost makes the cost of the order unknown. A gift card has none.
            case
                when count(*) filter (where unit_cost_amount is null and not is_gift_card) = 0
                then coalesce(sum(quantity::decimal(38, 4) * unit_cost_amount) filter (where not is_gift_card), 0)
            end as cost_amount
        from order_lines
        group by order_id
    ),

    unioned as (
        select
            'shopify' as source_system,
            order_id as source_record_id,
            case
                when customer_id is not null
                then {{ record_key("'shopify'", "'customer'", "customer_id") }}
                when email is not null or phone is not null
                then {{ record_key("'shopify'", "'guest_order'", "order_id") }}
            end as record_key,
            customer_id is null as is_guest,
            is_test,
            channel,
            campaign_id,
            first_visited_at,
            currency,
            due_amount as total_amount,
            due_tax_amount as tax_amount,
            shipping_amount,
            payment_type,
            ordered_at,
            paid_at,
            cancelled_at,
            loaded_at
        from settled_shop_orders
        union all
        select
            'files',
            order_id,
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                when email is not null or phone is not null
                then {{ record_key("'files'", "'guest_order'", "order_id") }}
            end,
            customer_id is null,
            is_test,
            channel,
            campaign_id,
            null,
            currency,
            total_amount,
            tax_amount,
            shipping_amount,
            payment_type,
            ordered_at,
            paid_at,
            cancelled_at,
            loaded_at
        from file_orders
        union all
        select
            source_system,
            source_record_id,
            record_key,
            customer_id is null,
            false,
            null,
            null,
            null,
            currency,
            total_amount,
            tax_amount,
            {{ money("0") }},
            'stripe',
            created_at,
            paid_at,
            null,
            loaded_at
        from payments
    ),

    with_amounts as (
        select
            unioned.source_system || ':' || unioned.source_record_id as order_id,
            unioned.source_system,
            unioned.source_record_id,
            unioned.record_key,
            unioned.is_guest,
            unioned.is_test,
            unioned.channel,
            unioned.campaign_id,
            unioned.first_visited_at,
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
        left join line_totals on line_totals.order_id = unioned.source_system || ':' || unioned.source_record_id
    ),

    judged as (
        select
            *,
            -- A total below zero is money paid back: no order, but a refund without one.
            total_amount < 0 as is_credit_note,
            {{
                money(
                    "total_amount - tax_amount - gift_card_amount"
                    ~ ("" if var("revenue_includes_shipping") else " - shipping_amount")
                )
            }} as net_amount
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
