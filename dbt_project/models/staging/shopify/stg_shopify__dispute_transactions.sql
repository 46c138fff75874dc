with
    source as (select * from {{ source("raw_shopify", "dispute_transactions") }} where not test),

    -- Orders are named by the path of their id here.
    with_order_ids as (
        select *, 'gid://shopify/Order/' || {{ replace_matches("order_id", "^.*/", "") }} as order_gid from source
    ),

    renamed as (
        select
            {{ own_id("id") }} as dispute_transaction_id,
            -- The number at the end of the dispute's id; a movement of something else has another one.
            case when source_type = 'DISPUTE' then {{ own_id("source_id") }} end as dispute_number,
            {{ own_id("order_gid") }} as order_id,
            upper(currency_code) as currency,
            case
                when type in ('CHARGEBACK_FEE', 'CHARGEBACK_FEE_REFUND')
                then {{ money("0") }}
                else {{ money("amount") }}
            end as moved_amount,
            -- What a movement takes from the balance if it is nothing but a fee, whether stated as its amount or as its
            -- fee.
            case
                when type in ('CHARGEBACK_FEE', 'CHARGEBACK_FEE_REFUND')
                then {{ money("-net") }}
                else {{ money("fee") }}
            end as fee_amount,
            {{ utc_timestamp("transaction_date") }} as moved_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from with_order_ids
    )

select *
from renamed
