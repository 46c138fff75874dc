with
    orders as (select * from {{ ref("int_orders__unioned") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),
    shop_refunds as (select * from {{ ref("stg_shopify__refunds") }}),
    file_refunds as (select * from {{ ref("stg_files__refunds") }}),

    recorded as (
        select
            'shopify:' || refund_id as refund_id,
            'shopify' as source_system,
            refund_id as source_record_id,
            'shopify:' || order_id as order_id,
            cast(null as {{ dbt.type_string() }}) as record_key,
            currency,
            refund_amount,
            refunded_at,
            loaded_at
        from shop_refunds
        union all
        select
            'files:' || refund_id,
            'files',
            refund_id,
            'files:' || order_id,
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                when email is not null
                then {{ record_key("'files'", "'guest_refund'", "refund_id") }}
            end,
            currency,
            refund_amount,
            refunded_at,
            loaded_at
        from file_refunds
    ),

    real_orders as (select * from orders where not is_credit_note),

    -- A refund is compared with its order in the order's currency, at the rates of the order's day.
    compared as (
        select
            recorded.*,
            case
                when recorded.currency = real_orders.currency
                then recorded.refund_amount
                else
                    {{
                        converted(
                            "recorded.refund_amount",
                            "refund_rates.rate_to_reporting::double"
                            ~ " / nullif(order_rates.rate_to_reporting::double, 0)",
                        )
                    }}
            end as refund_in_order_currency_amount
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

    refunded_totals as (
        select order_id, sum(refund_in_order_currency_amount) as refunded_amount from compared group by order_id
    ),

    -- A paid order that was cancelled counts as paid back in full: what no refund records is paid back on cancelling.
    implied as (
        select
            real_orders.order_id || ':cancelled' as refund_id,
            real_orders.source_system,
            real_orders.source_record_id,
            real_orders.order_id,
            real_orders.record_key,
            real_orders.currency,
            {{ money("real_orders.total_amount - coalesce(refunded_totals.refunded_amount, 0)") }} as refund_amount,
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
            ) as refunded_to_date
        from unioned
        left join real_orders on real_orders.order_id = unioned.order_id
    ),

    -- Only the share of a refund that was revenue takes revenue back: its tax, shipping and gift cards do not. Shares
    -- are rounded on the running total, so that many small refunds take back no more and no less than one large one.
    shares as (
        select
            *,
            case
                when total_amount = 0
                then {{ money("0") }}
                when refunded_to_date = total_amount
                then revenue_amount
                else {{ converted("refunded_to_date", "revenue_amount::double / nullif(total_amount, 0)::double") }}
            end as revenue_refunded_to_date
        from with_orders
    ),

    revenue_shares as (
        select
            *,
            {{
                money(
                    "revenue_refunded_to_date - coalesce(lag(revenue_refunded_to_date) over (partition by order_id"
                    ~ " order by refunded_at asc nulls last, refund_id asc nulls last), 0)"
                )
            }} as order_revenue_refunded_amount
        from shares
    ),

    final as (
        select
            refund_id,
            source_system,
            source_record_id,
            order_id,
            record_key,
            is_test,
            currency,
            refund_amount,
            -- In the refund's own currency; the same in the order's, where both have a rate, is beside it.
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
        -- Paid back without an order that it belongs to.
        select
            order_id || ':credit_note',
            source_system,
            source_record_id,
            cast(null as {{ dbt.type_string() }}),
            record_key,
            is_test,
            currency,
            {{ money("-total_amount") }},
            {{ money("-revenue_amount") }},
            null,
            paid_at,
            null,
            loaded_at
        from orders
        where is_credit_note and paid_at is not null
    )

select *
from final
