with
    movements as (select * from {{ ref("stg_shopify__dispute_transactions") }}),

    final as (
        select
            dispute_transaction_id as dispute_fee_id, order_id, currency, fee_amount, moved_at as charged_at, loaded_at
        from movements
        where fee_amount <> 0
    )

select *
from final
