with
    orders as (select * from {{ ref("int_orders__priced") }}),
    order_payments as (select * from {{ ref("int_order_payments__unioned") }}),

    payments as (
        select
            orders.order_id,
            orders.total_amount,
            orders.paid_at,
            orders.cancelled_at,
            order_payments.is_settled,
            order_payments.received_at,
            sum(order_payments.payment_amount) over in_order as received_to_date,
            (row_number() over in_order)::bigint as payment_number,
            count(*) over (partition by orders.order_id) as payment_count
        from order_payments
        inner join orders on orders.order_id = order_payments.order_id
        where
            order_payments.currency = orders.currency and order_payments.payment_amount > 0 and orders.total_amount > 0
        window
            in_order as (
                partition by orders.order_id
                order by order_payments.received_at asc nulls last, order_payments.order_payment_id asc nulls last
            )
    ),

    -- If its system calls an order paid, it is: the rest came some other way. More than the total is a tip or a
    -- mistake.
    parts as (
        select
            order_id,
            payment_number,
            total_amount,
            received_at,
            case
                when payment_number = payment_count and is_settled
                then total_amount
                else least(received_to_date, total_amount)
            end as received_to_date
        from payments
    ),

    -- What was never captured is not cash. If the order was cancelled, it is written off, as the cancellation takes it
    -- back.
    missing as (
        select
            payments.order_id,
            payments.payment_number + 1 as payment_number,
            payments.total_amount,
            case
                when payments.cancelled_at is not null then greatest(payments.cancelled_at, payments.paid_at)
            end as received_at,
            payments.total_amount as received_to_date
        from payments
        inner join parts on parts.order_id = payments.order_id and parts.payment_number = payments.payment_number
        where payments.payment_number = payments.payment_count and parts.received_to_date < payments.total_amount
    ),

    unioned as (
        select *
        from parts
        union all
        select *
        from missing
    ),

    followed as (
        select
            *,
            coalesce(
                lag(received_to_date) over (partition by order_id order by payment_number asc nulls last), 0
            ) as received_before,
            count(*) over (partition by order_id) as part_count
        from unioned
    ),

    final as (
        select
            order_id,
            payment_number,
            total_amount,
            {{ money("received_before") }} as received_before,
            {{ money("received_to_date") }} as received_to_date,
            received_at
        from followed
        where part_count > 1 and (payment_number = 1 or received_to_date > received_before)
    )

select *
from final
