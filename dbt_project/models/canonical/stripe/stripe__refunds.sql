with
    invoice_payments as (select * from {{ ref("stg_stripe__invoice_payments") }}),
    charges as (select * from {{ ref("stg_stripe__charges") }}),
    refunds as (select * from {{ ref("stg_stripe__refunds") }}),
    dispute_transactions as (select * from {{ ref("stg_stripe__dispute_transactions") }}),
    credit_notes as (select * from {{ ref("stg_stripe__credit_notes") }}),

    -- A refund takes money when it is made, and gives it back when it fails; if it is not known when it failed, it
    -- never moved any. A dispute takes money when the balance moves, and gives it back the same way.
    moved as (
        select
            refund_id || ':refund' as refund_id,
            'refund' as payback_reason,
            coalesce(payment_intent_id, charge_id) as payment_key,
            currency,
            refund_amount,
            cast(null as {{ dbt.type_string() }}) as fee_currency,
            {{ money("0") }} as fee_amount,
            refunded_at,
            loaded_at
        from refunds
        where refund_status = 'succeeded' or failed_at is not null
        union all
        select
            refund_id || ':refund_failed' as refund_id,
            'refund' as payback_reason,
            coalesce(payment_intent_id, charge_id) as payment_key,
            currency,
            {{ money("-refund_amount") }} as refund_amount,
            null as fee_currency,
            {{ money("0") }} as fee_amount,
            failed_at as refunded_at,
            loaded_at
        from refunds
        where failed_at is not null
        union all
        select
            dispute_transaction_id || ':dispute' as refund_id,
            'dispute' as payback_reason,
            coalesce(payment_intent_id, charge_id) as payment_key,
            currency,
            {{ money("-moved_amount") }} as refund_amount,
            fee_currency,
            fee_amount,
            moved_at as refunded_at,
            loaded_at
        from dispute_transactions
    ),

    -- An invoice names what it was paid by: a payment intent or a charge. Where several name the same one, what went
    -- back is counted once, with one of them. A charge that no invoice names stands for itself.
    payments as (
        select min(invoice_id) as payment_id, coalesce(payment_intent_id, charge_id) as payment_key
        from invoice_payments
        group by coalesce(payment_intent_id, charge_id)
        union all
        select
            min(charges.charge_id) as payment_id, coalesce(charges.payment_intent_id, charges.charge_id) as payment_key
        from charges
        left join
            invoice_payments
            on coalesce(invoice_payments.payment_intent_id, invoice_payments.charge_id)
            = coalesce(charges.payment_intent_id, charges.charge_id)
        where charges.charge_status = 'succeeded' and invoice_payments.invoice_id is null
        group by coalesce(charges.payment_intent_id, charges.charge_id)
    ),

    unioned as (
        select
            moved.refund_id,
            moved.payback_reason,
            payments.payment_id,
            moved.currency,
            moved.refund_amount,
            moved.fee_currency,
            moved.fee_amount,
            moved.refunded_at,
            moved.loaded_at
        from moved
        inner join payments on payments.payment_key = moved.payment_key
        union all
        select
            credit_note_id || ':credit_note' as refund_id,
            'credit_note' as payback_reason,
            invoice_id as payment_id,
            currency,
            credited_amount as refund_amount,
            null as fee_currency,
            {{ money("0") }} as fee_amount,
            created_at as refunded_at,
            loaded_at
        from credit_notes
        where credit_note_status = 'issued' and credited_amount > 0
    )

select *
from unioned
