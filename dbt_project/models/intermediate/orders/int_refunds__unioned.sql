with
    orders as (select * from {{ ref("int_orders__unioned") }}),
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
            {{ record_key("'files'", "'customer'", "customer_id") }},
            currency,
            refund_amount,
            refunded_at,
            loaded_at
        from file_refunds
    ),

    refunded_totals as (select order_id, sum(refund_amount) as refunded_amount from recorded group by order_id),

    -- A paid order that was cancelled counts as paid back in full: what no refund records is paid back on cancelling.
    implied as (
        select
            orders.order_id || ':cancelled' as refund_id,
            orders.source_system,
            orders.source_record_id,
            orders.order_id,
            orders.record_key,
            orders.currency,
            {{ money("orders.total_amount - coalesce(refunded_totals.refunded_amount, 0)") }} as refund_amount,
            greatest(orders.cancelled_at, orders.paid_at) as refunded_at,
            orders.loaded_at
        from orders
        left join refunded_totals on refunded_totals.order_id = orders.order_id
        where
            orders.cancelled_at is not null
            and orders.paid_at is not null
            and orders.total_amount > coalesce(refunded_totals.refunded_amount, 0)
    ),

    unioned as (
        select *
        from recorded
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
            coalesce(orders.record_key, unioned.record_key) as record_key,
            coalesce(orders.is_test, false) as is_test,
            unioned.currency,
            unioned.refund_amount,
            unioned.refunded_at,
            orders.order_id is not null as has_order,
            orders.total_amount,
            orders.revenue_amount,
            orders.paid_at as order_paid_at,
            unioned.loaded_at,
            sum(unioned.refund_amount) over (
                partition by unioned.order_id
                order by unioned.refunded_at asc nulls last, unioned.refund_id asc nulls last
                rows between unbounded preceding and current row
            ) as refunded_to_date
        from unioned
        left join orders on orders.order_id = unioned.order_id
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
                else
                    {{
                        money(
                            "refunded_to_date::double * (revenue_amount::double / nullif(total_amount, 0)::double)"
                        )
                    }}
            end as revenue_refunded_to_date
        from with_orders
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
            {{
                money(
                    "case when not has_order then refund_amount"
                    ~ " else revenue_refunded_to_date - coalesce(lag(revenue_refunded_to_date) over"
                    ~ " (partition by order_id order by refunded_at asc nulls last, refund_id asc nulls last), 0) end"
                )
            }} as refunded_revenue_amount,
            refunded_at,
            order_paid_at,
            loaded_at
        from shares
    )

select *
from final
