with
    source as (select * from {{ source("raw_shopify", "refund_items") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by source_account, refund_id, kind, number
                order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("refund_id") }} as refund_id,
            kind as item_kind,
            number as item_number,
            {{ own_id("line_item_id") }} as order_line_id,
            upper(currency_code) as currency,
            {{ money("amount") }} as item_amount,
            {{ money("coalesce(tax, 0)") }} as tax_amount
        from current_versions
    )

select *
from renamed
