with
    invoices as (select * from {{ ref("int_subscription_invoices__unioned") }}),
    refunds as (select * from {{ ref("int_refunds__unioned") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    paid as (select * from invoices where is_paid and paid_at is not null and revenue_amount <> 0),

    with_invoices as (
        select
            refunds.refund_id as revenue_entry_id,
            refunds.payback_reason,
            refunds.currency,
            refunds.fee_currency,
            refunds.fee_amount,
            refunds.refunded_at,
            refunds.loaded_at,
            paid.invoice_id,
            paid.subscription_id,
            paid.record_key,
            paid.total_amount,
            paid.revenue_amount,
            paid.paid_at,
            greatest(refunds.refunded_at, paid.paid_at) as effective_at,
            sum(refunds.refund_amount) over (
                partition by refunds.payment_id
                order by refunds.refunded_at asc nulls last, refunds.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as paid_back_to_date
        from refunds
        inner join paid on paid.invoice_id = refunds.payment_id and paid.currency = refunds.currency
    ),

    -- As for orders: the share that was revenue, rounded on the running total.
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

    -- The cost of a dispute is charged in the currency of the balance.
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
            and fee_rates.date_day = cast(shares.refunded_at as date)
        left join
            exchange_rates as own_rates
            on own_rates.currency = shares.currency
            and own_rates.date_day = cast(shares.refunded_at as date)
    ),

    with_taken_back_before as (
        select
            *,
            lag(revenue_taken_back_to_date) over (
                partition by invoice_id order by refunded_at asc nulls last, revenue_entry_id asc nulls last
            ) as revenue_taken_back_before
        from with_fees
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
            'subscription_refund' as entry_type,
            payback_reason,
            subscription_id,
            record_key,
            currency,
            {{ money("coalesce(revenue_taken_back_before, 0) - revenue_taken_back_to_date") }} as amount,
            case when payback_reason = 'dispute' then cost_amount end as dispute_cost_amount,
            paid_at as order_view_at,
            effective_at as cash_view_at,
            loaded_at
        from with_taken_back_before
    )

select *
from unioned
