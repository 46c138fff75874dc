with
    orders as (select * from {{ ref("fct_orders") }}),
    refunds as (select * from {{ ref("int_refunds__unioned") }}),
    subscription_revenue as (select * from {{ ref("int_subscription_revenue__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    sales as (
        select
            order_id || ':sale' as revenue_entry_id,
            'sale' as entry_type,
            cast(null as {{ dbt.type_string() }}) as payback_reason,
            order_id,
            cast(null as {{ dbt.type_string() }}) as subscription_id,
            person_id,
            currency,
            revenue_amount as amount,
            rate_to_reporting,
            cost_amount,
            paid_at as order_view_at,
            paid_at as cash_view_at,
            loaded_at
        from orders
        where paid_at <= {{ as_of() }}
    ),

    -- A refund converts at the day of its order, so that paying back in full leaves nothing.
    paybacks as (
        select
            refunds.refund_id,
            refunds.payback_reason,
            refunds.order_id,
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

    -- What is sent back takes the cost back in the share of the revenue, rounded on the running total like that.
    -- Goods of
    -- a disputed order are gone.
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
                        money(
                            "order_cost_amount * (refunded_to_date::double / nullif(order_revenue_amount, 0)::double)"
                        )
                    }}
            end as cost_to_date
        from paybacks
    ),

    costed_paybacks as (
        select
            refund_id || ':refund' as revenue_entry_id,
            'refund' as entry_type,
            payback_reason,
            order_id,
            null as subscription_id,
            person_id,
            currency,
            amount,
            rate_to_reporting,
            case
                when order_revenue_refunded_amount is not null
                then
                    {{
                        money(
                            "coalesce(lag(cost_to_date) over (partition by order_id order by cash_view_at asc nulls last,"
                            ~ " refund_id asc nulls last), 0) - cost_to_date"
                        )
                    }}
            end as cost_amount,
            order_view_at,
            cash_view_at,
            loaded_at
        from shares
    ),

    -- An invoice is a sale of its own, at the rate of the day it was paid, which its refunds take too. What serving it
    -- costs is a stated share of it; a dispute gives nothing of that back and costs a fee.
    subscription_entries as (
        select
            subscription_revenue.revenue_entry_id,
            subscription_revenue.entry_type,
            subscription_revenue.payback_reason,
            null as order_id,
            subscription_revenue.subscription_id,
            person_records.person_id,
            subscription_revenue.currency,
            subscription_revenue.amount,
            exchange_rates.rate_to_reporting,
            case
                when subscription_revenue.payback_reason = 'dispute'
                then subscription_revenue.dispute_cost_amount
                else {{ money("subscription_revenue.amount * " ~ subscription_cost_rate()) }}
            end as cost_amount,
            subscription_revenue.order_view_at,
            subscription_revenue.cash_view_at,
            subscription_revenue.loaded_at
        from subscription_revenue
        left join person_records on person_records.record_key = subscription_revenue.record_key
        left join
            exchange_rates
            on exchange_rates.currency = subscription_revenue.currency
            and exchange_rates.date_day = cast(subscription_revenue.order_view_at as date)
        where subscription_revenue.order_view_at <= {{ as_of() }} and subscription_revenue.cash_view_at <= {{ as_of() }}
    ),

    unioned as (
        select *
        from sales
        union all
        select *
        from costed_paybacks
        union all
        select *
        from subscription_entries
    ),

    final as (
        select
            revenue_entry_id,
            entry_type,
            payback_reason,
            order_id,
            subscription_id,
            person_id,
            currency,
            amount,
            rate_to_reporting,
            {{ converted("amount", "rate_to_reporting::double") }} as amount_reporting,
            {{ converted("cost_amount", "rate_to_reporting::double") }} as cost_amount_reporting,
            {{ converted("(amount - cost_amount)", "rate_to_reporting::double") }} as gross_margin_amount_reporting,
            order_view_at,
            cash_view_at,
            loaded_at
        from unioned
    )

select *
from final
