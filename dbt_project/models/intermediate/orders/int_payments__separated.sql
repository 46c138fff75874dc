with
    payments as (select * from {{ ref("int_payments__unioned") }}),
    orders as (select * from {{ ref("int_orders__unioned") }}),

    other_orders as (select count(*) as order_count from orders),

    final as (
        select payments.*, {{ payments_are_orders("other_orders.order_count = 0") }} as is_order
        from payments
        cross join other_orders
    )

select *
from final
