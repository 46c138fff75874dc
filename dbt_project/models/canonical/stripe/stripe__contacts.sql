with
    customers as (select * from {{ ref("stg_stripe__customers") }}),

    -- A customer that was deleted without ever subscribing or paying was nobody. A name is in one piece: which part of
    -- it is which cannot be told.
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
