with
    orders as (select * from {{ ref("stg_shopify__orders") }}),
    transactions as (select * from {{ ref("stg_shopify__order_transactions") }}),
    refunds as (select * from {{ ref("shopify__refunds") }}),
    deleted as (select * from {{ ref("shopify__orders__deleted") }}),

    -- An order is paid when money first arrives: an authorisation alone is not a payment.
    payments as (
        select
            order_id,
            min(processed_at) as paid_at,
            min_by(gateway, cast(processed_at as {{ dbt.type_string() }}) || order_transaction_id) as payment_type
        from transactions
        where transaction_kind in ('SALE', 'CAPTURE') and transaction_status = 'SUCCESS'
        group by order_id
    ),

    refunded_taxes as (
        select order_id, sum(tax_amount) as tax_amount from refunds where payback_reason = 'refund' group by order_id
    ),

    -- Editing an order changes what was ordered: its total is then what is in it now plus what was paid back. If the
    -- shop calls an order paid without a payment (nothing was due, or it was paid elsewhere), it was paid when placed.
    final as (
        select
            orders.source_account,
            orders.order_id,
            orders.customer_id,
            orders.email,
            orders.phone,
            orders.is_test,
            orders.channel,
            orders.campaign_id,
            {{ click_ids({"fbclid": "orders.fbclid", "gclid": "orders.gclid", "ttclid": "orders.ttclid"}) }}
            as click_ids,
            orders.first_visited_at,
            orders.visit_source,
            orders.visit_medium,
            orders.currency,
            case
                when orders.is_edited and orders.current_total_amount is not null
                then {{ money("orders.current_total_amount + orders.refunded_amount") }}
                else orders.total_amount
            end as total_amount,
            case
                when orders.is_edited and orders.current_total_amount is not null
                then {{ money("orders.current_tax_amount + coalesce(refunded_taxes.tax_amount, 0)") }}
                else orders.tax_amount
            end as tax_amount,
            orders.shipping_amount,
            payments.payment_type,
            orders.ordered_at,
            case
                when payments.paid_at is not null
                then payments.paid_at
                when orders.financial_status in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED')
                then orders.ordered_at
            end as paid_at,
            orders.cancelled_at,
            orders.loaded_at
        from orders
        left join payments on payments.order_id = orders.order_id
        left join refunded_taxes on refunded_taxes.order_id = orders.order_id
        left join deleted on deleted.order_id = orders.order_id
        where deleted.order_id is null
    )

select *
from final
