with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_shopify", "refunds") }}
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
            {{ own_id("id") }} as refund_id,
            {{ own_id("order_id") }} as order_id,
            upper(currency_code) as currency,
            {{ money("total_refunded") }} as refund_amount,
            coalesce(has_failed, false) as has_failed,
            {{ utc_timestamp("created_at") }} as refunded_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
