with
    customers as (select * from {{ ref("customer_value") }}),

    final as (
        select
            person_id as entity_id,
            paid_order_count::string
            || ' orders, the last on '
            || {{ local_date("last_purchased_at") }}::string as reason
        from customers
        where person_id is not null and rfm_segment = 'champions'
    )

select *
from final
