with
    invoices as (select * from {{ ref("int_subscription_invoices__unioned") }}),
    invoice_payments as (select * from {{ ref("stg_stripe__invoice_payments") }}),
    refunds as (select * from {{ ref("stg_stripe__refunds") }}),
    dispute_transactions as (select * from {{ ref("stg_stripe__dispute_transactions") }}),
    credit_notes as (select * from {{ ref("stg_stripe__credit_notes") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    paid as (select * from invoices where is_paid and paid_at is not null and revenue_amount <> 0),

    -- A refund takes money when it is made, and gives it back when it fails; one of which nobody says when left it
    -- where
    -- it was. A dispute takes money when it moves on the balance, and gives it back the same way.
    moved as (
        select
            'stripe:' || refund_id || ':refund' as revenue_entry_id,
            'refund' as payback_reason,
            coalesce(payment_intent_id, charge_id) as payment_key,
            currency,
            refund_amount as payback_amount,
            cast(null as {{ dbt.type_string() }}) as fee_currency,
            {{ money("0") }} as fee_amount,
            refunded_at as paid_back_at,
            loaded_at
        from refunds
        where refund_status = 'succeeded' or failed_at is not null
        union all
        select
            'stripe:' || refund_id || ':refund_failed',
            'refund',
            coalesce(payment_intent_id, charge_id),
            currency,
            {{ money("-refund_amount") }},
            null,
            {{ money("0") }},
            failed_at,
            loaded_at
        from refunds
        where failed_at is not null
        union all
        select
            'stripe:' || dispute_transaction_id || ':dispute',
            'dispute',
            coalesce(payment_intent_id, charge_id),
            currency,
            {{ money("-moved_amount") }},
            fee_currency,
            fee_amount,
            moved_at,
            loaded_at
        from dispute_transactions
    ),

    paybacks as (
        -- A payment names what it was made by: a payment intent, or a charge.
        select
            moved.revenue_entry_id,
            moved.payback_reason,
            'stripe:' || invoice_payments.invoice_id as invoice_id,
            moved.currency,
            moved.payback_amount,
            moved.fee_currency,
            moved.fee_amount,
            moved.paid_back_at,
            moved.loaded_at
        from moved
        inner join
            invoice_payments
            on coalesce(invoice_payments.payment_intent_id, invoice_payments.charge_id) = moved.payment_key
        union all
        select
            'stripe:' || credit_note_id || ':credit_note',
            'credit_note',
            'stripe:' || invoice_id,
            currency,
            credited_amount,
            null,
            {{ money("0") }},
            created_at,
            loaded_at
        from credit_notes
        where credit_note_status = 'issued' and credited_amount > 0
    ),

    with_invoices as (
        select
            paybacks.*,
            paid.subscription_id,
            paid.record_key,
            paid.total_amount,
            paid.revenue_amount,
            paid.paid_at,
            greatest(paybacks.paid_back_at, paid.paid_at) as effective_at,
            sum(paybacks.payback_amount) over (
                partition by paybacks.invoice_id
                order by paybacks.paid_back_at asc nulls last, paybacks.revenue_entry_id asc nulls last
                rows between unbounded preceding and current row
            ) as paid_back_to_date
        from paybacks
        inner join paid on paid.invoice_id = paybacks.invoice_id and paid.currency = paybacks.currency
    ),

    -- As with orders: the share that was revenue, rounded on the running total.
    shares as (
        select
            *,
            case
                when paid_back_to_date = total_amount
                then revenue_amount
                else {{ converted("paid_back_to_date", "revenue_amount::double / nullif(total_amount, 0)::double") }}
            end as revenue_taken_back_to_date
        from with_invoices
    ),

    -- What a dispute costs is charged in the currency of the balance.
    with_fees as (
        select
            shares.*,
            case
                when shares.fee_amount = 0 or shares.fee_currency = shares.currency
                then shares.fee_amount
                else
                    {{
                        converted(
                            "shares.fee_amount",
                            "fee_rates.rate_to_reporting::double / nullif(own_rates.rate_to_reporting::double, 0)",
                        )
                    }}
            end as cost_amount
        from shares
        left join
            exchange_rates as fee_rates
            on fee_rates.currency = shares.fee_currency
            and fee_rates.date_day = cast(shares.paid_back_at as date)
        left join
            exchange_rates as own_rates
            on own_rates.currency = shares.currency
            and own_rates.date_day = cast(shares.paid_back_at as date)
    ),

    unioned as (
        -- An invoice below zero gives credit for later ones: it takes back.
        select
            invoice_id || ':invoice' as revenue_entry_id,
            case when revenue_amount < 0 then 'subscription_refund' else 'subscription_payment' end as entry_type,
            cast(null as {{ dbt.type_string() }}) as payback_reason,
            subscription_id,
            record_key,
            currency,
            revenue_amount as amount,
            cast(null as decimal(18, 4)) as dispute_cost_amount,
            paid_at as order_view_at,
            paid_at as cash_view_at,
            loaded_at
        from paid
        union all
        select
            revenue_entry_id,
            'subscription_refund',
            payback_reason,
            subscription_id,
            record_key,
            currency,
            {{
                money(
                    "coalesce(lag(revenue_taken_back_to_date) over (partition by invoice_id"
                    ~ " order by paid_back_at asc nulls last, revenue_entry_id asc nulls last), 0)"
                    ~ " - revenue_taken_back_to_date"
                )
            }},
            case when payback_reason = 'dispute' then cost_amount end,
            paid_at,
            effective_at,
            loaded_at
        from with_fees
    )

select *
from unioned
