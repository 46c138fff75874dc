with
    invoices as (select * from {{ ref("int_subscription_invoices__unioned") }}),
    invoice_payments as (select * from {{ ref("stg_stripe__invoice_payments") }}),
    refunds as (select * from {{ ref("stg_stripe__refunds") }}),

    paid as (select * from invoices where is_paid and paid_at is not null and revenue_amount <> 0),

    -- A payment names what it was made by: a payment intent, or a charge.
    refunds_of_invoices as (
        select
            'stripe:' || refunds.refund_id as refund_id,
            'stripe:' || invoice_payments.invoice_id as invoice_id,
            refunds.refund_amount,
            refunds.refunded_at,
            refunds.loaded_at
        from refunds
        inner join
            invoice_payments
            on coalesce(invoice_payments.payment_intent_id, invoice_payments.charge_id)
            = coalesce(refunds.payment_intent_id, refunds.charge_id)
        where refunds.refund_status = 'succeeded'
    ),

    with_invoices as (
        select
            refunds_of_invoices.*,
            paid.subscription_id,
            paid.record_key,
            paid.currency,
            paid.total_amount,
            paid.revenue_amount,
            paid.paid_at,
            sum(refunds_of_invoices.refund_amount) over (
                partition by refunds_of_invoices.invoice_id
                order by refunds_of_invoices.refunded_at asc nulls last, refunds_of_invoices.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as refunded_to_date
        from refunds_of_invoices
        inner join paid on paid.invoice_id = refunds_of_invoices.invoice_id
    ),

    -- As with orders: the share that was revenue, rounded on the running total.
    shares as (
        select
            *,
            case
                when refunded_to_date = total_amount
                then revenue_amount
                else
                    {{
                        money(
                            "refunded_to_date::double * (revenue_amount::double / nullif(total_amount, 0)::double)"
                        )
                    }}
            end as revenue_refunded_to_date
        from with_invoices
    ),

    unioned as (
        -- An invoice below zero gives credit for later ones: it takes back.
        select
            invoice_id || ':invoice' as revenue_entry_id,
            case when revenue_amount < 0 then 'subscription_refund' else 'subscription_payment' end as entry_type,
            subscription_id,
            record_key,
            currency,
            revenue_amount as amount,
            paid_at as order_view_at,
            paid_at as cash_view_at,
            loaded_at
        from paid
        union all
        select
            refund_id || ':refund',
            'subscription_refund',
            subscription_id,
            record_key,
            currency,
            {{
                money(
                    "coalesce(lag(revenue_refunded_to_date) over (partition by invoice_id"
                    ~ " order by refunded_at asc nulls last, refund_id asc nulls last), 0) - revenue_refunded_to_date"
                )
            }},
            paid_at,
            refunded_at,
            loaded_at
        from shares
    )

select *
from unioned
