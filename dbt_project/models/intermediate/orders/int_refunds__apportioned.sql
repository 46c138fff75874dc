with
    orders as (select * from {{ ref("int_orders__priced") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),
    refunds as (select * from {{ ref("int_refunds__unioned") }}),

    -- Paying back a payment counts here if that payment is an order of its own.
    recorded as (
        select
            refunds.refund_id,
            refunds.source_system,
            refunds.source_record_id,
            coalesce(refunds.order_id, paid_orders.order_id) as order_id,
            refunds.record_key,
            refunds.payback_reason,
            refunds.currency,
            refunds.refund_amount,
            refunds.itemised_revenue_amount,
            refunds.refunded_at,
            refunds.loaded_at
        from refunds
        left join orders as paid_orders on paid_orders.order_id = refunds.payment_id
        where refunds.payment_id is null or paid_orders.order_id is not null
    ),

    real_orders as (select * from orders where not is_credit_note),

    -- A refund is compared with its order in the order's currency, at the rates of the order's day.
    with_rates as (
        select
            recorded.*,
            real_orders.currency as order_currency,
            refund_rates.rate_to_reporting::double
            / nullif(order_rates.rate_to_reporting::double, 0) as rate_to_order_currency
        from recorded
        left join real_orders on real_orders.order_id = recorded.order_id
        left join
            exchange_rates as refund_rates
            on refund_rates.currency = recorded.currency
            and refund_rates.date_day = cast(real_orders.ordered_at as date)
        left join
            exchange_rates as order_rates
            on order_rates.currency = real_orders.currency
            and order_rates.date_day = cast(real_orders.ordered_at as date)
    ),

    compared as (
        select
            refund_id,
            source_system,
            source_record_id,
            order_id,
            record_key,
            payback_reason,
            currency,
            refund_amount,
            itemised_revenue_amount,
            refunded_at,
            loaded_at,
            case
                when currency = order_currency
                then refund_amount
                else {{ converted("refund_amount", "rate_to_order_currency") }}
            end as refund_in_order_currency_amount
        from with_rates
    ),

    refunded_totals as (
        select order_id, sum(refund_in_order_currency_amount) as refunded_amount from compared group by order_id
    ),

    -- A paid order that was cancelled counts as paid back in full: what no refund covers is paid back on cancelling.
    implied as (
        select
            real_orders.order_id || ':cancelled' as refund_id,
            real_orders.source_system,
            real_orders.source_record_id,
            real_orders.order_id,
            real_orders.record_key,
            'cancellation' as payback_reason,
            real_orders.currency,
            {{ money("real_orders.total_amount - coalesce(refunded_totals.refunded_amount, 0)") }} as refund_amount,
            cast(null as decimal(18, 4)) as itemised_revenue_amount,
            greatest(real_orders.cancelled_at, real_orders.paid_at) as refunded_at,
            real_orders.loaded_at,
            {{ money("real_orders.total_amount - coalesce(refunded_totals.refunded_amount, 0)") }}
            as refund_in_order_currency_amount
        from real_orders
        left join refunded_totals on refunded_totals.order_id = real_orders.order_id
        where
            real_orders.cancelled_at is not null
            and real_orders.paid_at is not null
            and real_orders.total_amount > coalesce(refunded_totals.refunded_amount, 0)
    ),

    unioned as (
        select *
        from compared
        union all
        select *
        from implied
    ),

    with_orders as (
        select
            unioned.refund_id,
            unioned.source_system,
            unioned.source_record_id,
            unioned.order_id,
            coalesce(real_orders.record_key, unioned.record_key) as record_key,
            coalesce(real_orders.is_test, false) as is_test,
            unioned.payback_reason,
            unioned.currency,
            unioned.refund_amount,
            unioned.refund_in_order_currency_amount,
            unioned.refunded_at,
            real_orders.order_id is not null as has_order,
            real_orders.currency as order_currency,
            real_orders.total_amount,
            real_orders.revenue_amount,
            real_orders.paid_at as order_paid_at,
            unioned.loaded_at,
            sum(unioned.refund_in_order_currency_amount) over (
                partition by unioned.order_id
                order by unioned.refunded_at asc nulls last, unioned.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as refunded_to_date,
            sum(case when unioned.currency = real_orders.currency then unioned.itemised_revenue_amount end) over (
                partition by unioned.order_id
                order by unioned.refunded_at asc nulls last, unioned.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as itemised_to_date,
            sum(
                case
                    when unioned.itemised_revenue_amount is null or unioned.currency <> real_orders.currency
                    then unioned.refund_in_order_currency_amount
                end
            ) over (
                partition by unioned.order_id
                order by unioned.refunded_at asc nulls last, unioned.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as shared_to_date
        from unioned
        left join real_orders on real_orders.order_id = unioned.order_id
    ),

    -- A refund that says what it was for takes back the revenue of its goods; any other takes back the share of the
    -- order that was revenue, so tax, shipping and gift cards take none back. Shares are rounded on the running total,
    -- so that many small refunds take back no more and no less than one large one, and paying back in full leaves
    -- nothing.
    taken_back as (
        select
            *,
            {{ converted("coalesce(shared_to_date, 0)", "revenue_amount::double / nullif(total_amount, 0)::double") }}
            + coalesce(itemised_to_date, 0) as items_and_shares_to_date
        from with_orders
    ),

    shares as (
        select
            *,
            case
                when total_amount = 0
                then {{ money("0") }}
                when refunded_to_date = total_amount
                then revenue_amount
                when refunded_to_date < total_amount
                then least(items_and_shares_to_date, revenue_amount)
                else items_and_shares_to_date
            end as revenue_refunded_to_date
        from taken_back
    ),

    with_refunded_before as (
        select
            *,
            lag(revenue_refunded_to_date) over (
                partition by order_id order by refunded_at asc nulls last, refund_id asc nulls last
            ) as revenue_refunded_before
        from shares
    ),

    revenue_shares as (
        select
            *,
            {{ money("revenue_refunded_to_date - coalesce(revenue_refunded_before, 0)") }}
            as order_revenue_refunded_amount
        from with_refunded_before
    ),

    final as (
        select
            refund_id,
            source_system,
            source_record_id,
            order_id,
            record_key,
            is_test,
            payback_reason,
            cast(null as {{ dbt.type_string() }}) as credit_note_id,
            currency,
            refund_amount,
            -- In the refund's own currency; the amount in the order's currency is beside it, where both have a rate.
            case
                when not has_order
                then refund_amount
                when total_amount = 0
                then {{ money("0") }}
                when currency = order_currency
                then order_revenue_refunded_amount
                else {{ converted("refund_amount", "revenue_amount::double / nullif(total_amount, 0)::double") }}
            end as refunded_revenue_amount,
            case
                when refund_in_order_currency_amount is not null then order_revenue_refunded_amount
            end as order_revenue_refunded_amount,
            refunded_at,
            order_paid_at,
            loaded_at
        from revenue_shares
        union all
        -- Money paid back without an order.
        select
            order_id || ':credit_note' as refund_id,
            source_system,
            source_record_id,
            cast(null as {{ dbt.type_string() }}) as order_id,
            record_key,
            is_test,
            'credit_note' as payback_reason,
            order_id as credit_note_id,
            currency,
            {{ money("-total_amount") }} as refund_amount,
            {{ money("-revenue_amount") }} as refunded_revenue_amount,
            null as order_revenue_refunded_amount,
            paid_at as refunded_at,
            null as order_paid_at,
            loaded_at
        from orders
        where is_credit_note and paid_at is not null
    )

select *
from final
