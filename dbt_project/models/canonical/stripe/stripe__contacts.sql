with
    customers as (select * from {{ ref("stg_stripe__customers") }}),

    -- A customer that was deleted without ever subscribing or paying does not count. The name is in one piece, so it is
    -- not known which part of it is which.
    final as (
        select
            source_account,
            'customer' as record_type,
            customer_id as record_id,
            email,
            phone,
            country,
            customer_number,
            is_deleted as is_archived,
            is_deleted as is_nobody_unless_named,
            created_at,
            loaded_at
        from customers
    )

select *
from final
