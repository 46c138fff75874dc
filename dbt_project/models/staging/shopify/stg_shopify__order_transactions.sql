with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_shopify", "order_transactions") }}
    ),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by source_account, id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as order_transaction_id,
            {{ own_id("order_id") }} as order_id,
            kind as transaction_kind,
            status as transaction_status,
            gateway,
            upper(currency_code) as currency,
            {{ money("amount") }} as transaction_amount,
            {{ utc_timestamp("processed_at") }} as processed_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
