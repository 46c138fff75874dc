with
    deletions as (select * from {{ ref("stg_shopify__deletions") }}),
    orders as (select * from {{ ref("stg_shopify__orders") }}),

    final as (
        select deletions.order_id
        from deletions
        left join orders on orders.order_id = deletions.order_id
        where orders.order_id is null or deletions.deleted_at >= orders.updated_at
    )

select *
from final
