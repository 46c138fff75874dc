with
    transactions as (select * from {{ ref("stg_shopify__order_transactions") }}),
    orders as (select * from {{ ref("stg_shopify__orders") }}),

    -- What was only authorised, or what failed, was not received.
    final as (
        select
            transactions.order_transaction_id as order_payment_id,
            transactions.order_id,
            transactions.currency,
            transactions.transaction_amount as payment_amount,
            orders.financial_status = 'PAID' as is_settled,
            transactions.processed_at as received_at,
            transactions.loaded_at
        from transactions
        inner join orders on orders.order_id = transactions.order_id
        where
            transactions.transaction_kind in ('SALE', 'CAPTURE')
            and transactions.transaction_status = 'SUCCESS'
            and transactions.transaction_amount > 0
    )

select *
from final
