with
    refunds as (select * from {{ ref("stripe__refunds") }}),

    final as (
        select
            refund_id as dispute_fee_id,
            payment_id,
            fee_currency as currency,
            fee_amount,
            refunded_at as charged_at,
            loaded_at
        from refunds
        where fee_amount <> 0
    )

select *
from final
