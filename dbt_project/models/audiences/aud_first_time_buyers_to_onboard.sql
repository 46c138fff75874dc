with
    customers as (select * from {{ ref("customer_360") }}),

    final as (
        select person_id as entity_id, 'first purchase on ' || {{ local_date("first_purchased_at") }}::string as reason
        from customers
        where is_customer and paid_order_count = 1 and first_purchased_at > {{ dbt.dateadd("day", -30, as_of()) }}
    )

select *
from final
