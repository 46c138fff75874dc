with
    orders as (select * from {{ ref("fct_orders") }}),
    payments as (select * from {{ ref("int_order_payments__split") }}),
    refunds as (select * from {{ ref("int_refunds__apportioned") }}),
    dispute_fees as (select * from {{ ref("int_dispute_fees__unioned") }}),
    subscription_revenue as (select * from {{ ref("int_subscription_revenue__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    -- An order is sold at once, and paid when its parts are received: each is an entry of the cash view.
    sales as (
        select
            orders.order_id || case
                when payments.payment_number > 1 then ':sale:' || payments.payment_number else ':sale'
            end as revenue_entry_id,
            'sale' as entry_type,
            cast(null as {{ dbt.type_string() }}) as payback_reason,
            orders.order_id,
            cast(null as {{ dbt.type_string() }}) as credit_note_id,
            cast(null as {{ dbt.type_string() }}) as subscription_id,
            orders.person_id,
            orders.currency,
            {{ part_received("orders.revenue_amount", "payments", "received_before") }} as amount_before,
            {{ part_received("orders.revenue_amount", "payments", "received_to_date") }} as amount_to_date,
            orders.rate_to_reporting,
            {{ part_received("orders.cost_amount", "payments", "received_before") }} as cost_before,
            {{ part_received("orders.cost_amount", "payments", "received_to_date") }} as cost_to_date,
            orders.paid_at as order_view_at,
            case
                when payments.order_id is null
                then orders.paid_at
                when payments.received_at <= {{ as_of() }}
                then payments.received_at
            end as cash_view_at,
            orders.loaded_at
        from orders
        left join payments on payments.order_id = orders.order_id
        where orders.paid_at <= {{ as_of() }}
    ),

    -- A refund is converted at the rate of its order's day, so that paying back in full leaves nothing.
    paybacks as (
        select
            refunds.refund_id,
            refunds.payback_reason,
            refunds.order_id,
            refunds.credit_note_id,
            coalesce(orders.person_id, person_records.person_id) as person_id,
            refunds.currency,
            {{ money("-refunds.refunded_revenue_amount") }} as amount,
            exchange_rates.rate_to_reporting,
            refunds.order_revenue_refunded_amount,
            orders.revenue_amount as order_revenue_amount,
            orders.cost_amount as order_cost_amount,
            sum(
                case when refunds.payback_reason <> 'dispute' then refunds.order_revenue_refunded_amount else 0 end
            ) over (
                partition by refunds.order_id
                order by refunds.refunded_at asc nulls last, refunds.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as refunded_to_date,
            coalesce(orders.paid_at, refunds.refunded_at) as order_view_at,
            refunds.refunded_at as cash_view_at,
            refunds.loaded_at
        from refunds
        left join orders on orders.order_id = refunds.order_id
        left join person_records on person_records.record_key = refunds.record_key
        left join
            exchange_rates
            on exchange_rates.currency = refunds.currency
            and exchange_rates.date_day = cast(coalesce(orders.ordered_at, refunds.refunded_at) as date)
        -- An order never paid has no revenue to take back; a refund without a known order stands alone.
        where
            not refunds.is_test
            and refunds.refunded_at <= {{ as_of() }}
            and (orders.order_id is null or orders.paid_at <= {{ as_of() }})
    ),

    -- Goods that are sent back take back the same share of the cost as of the revenue, rounded on the running total
    -- too. Goods of a disputed order are gone.
    shares as (
        select
            *,
            case
                when order_cost_amount is null
                then null
                when order_revenue_amount = 0
                then {{ money("0") }}
                when refunded_to_date = order_revenue_amount
                then order_cost_amount
                else
                    {{
                        money_from_double(
                            "order_cost_amount * (refunded_to_date::double / nullif(order_revenue_amount, 0)::double)"
                        )
                    }}
            end as cost_taken_back_to_date
        from paybacks
    ),

    with_cost_before as (
        select
            *,
            lag(cost_taken_back_to_date) over (
                partition by order_id order by cash_view_at asc nulls last, refund_id asc nulls last
            ) as cost_taken_back_before
        from shares
    ),

    costed_paybacks as (
        select
            refund_id || ':refund' as revenue_entry_id,
            'refund' as entry_type,
            payback_reason,
            order_id,
            credit_note_id,
            null as subscription_id,
            person_id,
            currency,
            {{ money("0") }} as amount_before,
            amount as amount_to_date,
            rate_to_reporting,
            {{ money("0") }} as cost_before,
            case
                when order_revenue_refunded_amount is not null
                then {{ money("coalesce(cost_taken_back_before, 0) - cost_taken_back_to_date") }}
            end as cost_to_date,
            order_view_at,
            cash_view_at,
            loaded_at
        from with_cost_before
    ),

    -- What a dispute costs in addition to what it takes is in the currency of the balance. It is an entry of its own,
    -- as it may come on another day, and without any revenue. The fee of an invoice's dispute is in the invoice's
    -- entry.
    fees as (
        select
            dispute_fees.dispute_fee_id || ':fee' as revenue_entry_id,
            'dispute_fee' as entry_type,
            'dispute' as payback_reason,
            coalesce(dispute_fees.order_id, orders.order_id) as order_id,
            null as credit_note_id,
            null as subscription_id,
            orders.person_id,
            dispute_fees.currency,
            {{ money("0") }} as amount_before,
            {{ money("0") }} as amount_to_date,
            exchange_rates.rate_to_reporting,
            {{ money("0") }} as cost_before,
            dispute_fees.fee_amount as cost_to_date,
            coalesce(orders.paid_at, dispute_fees.charged_at) as order_view_at,
            dispute_fees.charged_at as cash_view_at,
            dispute_fees.loaded_at
        from dispute_fees
        left join orders on orders.order_id = coalesce(dispute_fees.order_id, dispute_fees.payment_id)
        left join
            exchange_rates
            on exchange_rates.currency = dispute_fees.currency
            and exchange_rates.date_day = cast(coalesce(orders.ordered_at, dispute_fees.charged_at) as date)
        where
            dispute_fees.charged_at <= {{ as_of() }}
            and (dispute_fees.payment_id is null or orders.order_id is not null)
    ),

    served as (select *, amount * {{ subscription_cost_rate() }} as serving_cost_amount from subscription_revenue),

    -- An invoice is a sale of its own, at the rate of the day it was paid, which applies to its refunds too. The cost
    -- of serving it is a stated share of it; a dispute gives none of that back and costs a fee.
    subscription_entries as (
        select
            served.revenue_entry_id,
            served.entry_type,
            served.payback_reason,
            null as order_id,
            null as credit_note_id,
            served.subscription_id,
            person_records.person_id,
            served.currency,
            {{ money("0") }} as amount_before,
            served.amount as amount_to_date,
            exchange_rates.rate_to_reporting,
            {{ money("0") }} as cost_before,
            case
                when served.payback_reason = 'dispute'
                then served.dispute_cost_amount
                else {{ money_from_double("served.serving_cost_amount") }}
            end as cost_to_date,
            served.order_view_at,
            served.cash_view_at,
            served.loaded_at
        from served
        left join person_records on person_records.record_key = served.record_key
        left join
            exchange_rates
            on exchange_rates.currency = served.currency
            and exchange_rates.date_day = cast(served.order_view_at as date)
        where served.order_view_at <= {{ as_of() }} and served.cash_view_at <= {{ as_of() }}
    ),

    unioned as (
        select *
        from sales
        union all
        select *
        from costed_paybacks
        union all
        select *
        from fees
        union all
        select *
        from subscription_entries
    ),

    -- Converted on the running total too, so that parts add up to the whole in both currencies.
    final as (
        select
            revenue_entry_id,
            entry_type,
            payback_reason,
            order_id,
            credit_note_id,
            subscription_id,
            person_id,
            currency,
            {{ money("amount_to_date - amount_before") }} as amount,
            rate_to_reporting,
            {{ converted_part("amount_to_date", "amount_before", "rate_to_reporting::double") }} as amount_reporting,
            {{ converted_part("cost_to_date", "cost_before", "rate_to_reporting::double") }} as cost_amount_reporting,
            {{
                converted_part(
                    "(amount_to_date - cost_to_date)", "(amount_before - cost_before)", "rate_to_reporting::double"
                )
            }} as gross_margin_amount_reporting,
            order_view_at,
            cash_view_at,
            loaded_at
        from unioned
    )

select *
from final
