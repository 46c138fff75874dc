with
    orders as (select * from {{ ref("int_orders__unioned") }}),
    shop_movements as (select * from {{ ref("stg_shopify__dispute_transactions") }}),
    payment_paybacks as (select * from {{ ref("int_payment_paybacks__traced") }}),

    unioned as (
        select
            'shopify:' || dispute_transaction_id as dispute_fee_id,
            'shopify:' || order_id as order_id,
            currency,
            fee_amount,
            moved_at as charged_at,
            loaded_at
        from shop_movements
        where fee_amount <> 0
        union all
        select
            payment_paybacks.payback_id,
            orders.order_id,
            payment_paybacks.fee_currency,
            payment_paybacks.fee_amount,
            payment_paybacks.paid_back_at,
            payment_paybacks.loaded_at
        from payment_paybacks
        inner join orders on orders.order_id = payment_paybacks.payment_id and orders.source_system = 'stripe'
        where payment_paybacks.fee_amount <> 0
    )

select *
from unioned
