with
    customers as (select * from {{ ref("stg_shopify__customers") }}),

    final as (
        select
            source_account,
            'customer' as record_type,
            customer_id as record_id,
            email,
            phone,
            country,
            customer_number,
            first_name,
            last_name,
            created_at,
            loaded_at
        from customers
    )

select *
from final
