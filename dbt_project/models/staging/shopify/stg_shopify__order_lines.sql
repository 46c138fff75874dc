with
    source as (select * from {{ source("raw_shopify", "order_lines") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (partition by id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last) = 1
    ),

    renamed as (
        select
            id as order_line_id,
            order_id,
            sku,
            title as description,
            quantity::decimal(18, 4) as quantity,
            upper(currency_code) as currency,
            {{ money("unit_price") }} as unit_price_amount,
            {{ money("coalesce(discounted_total, unit_price * quantity)") }} as line_amount,
            coalesce(is_gift_card, false) as is_gift_card
        from current_versions
    )

select *
from renamed
