with
    source as (select * from {{ source("raw_shopify", "order_lines") }}),

    -- The cost of goods changes after they are sold: the first version with a cost says what a line cost at the time.
    with_first_costs as (
        select
            *,
            first_value(unit_cost) over first_with_a_cost as first_unit_cost,
            first_value(unit_cost_currency_code) over first_with_a_cost as first_unit_cost_currency_code
        from source
        window
            first_with_a_cost as (
                partition by source_account, id
                order by unit_cost is null asc nulls last, _dlt_valid_from asc nulls last, _dlt_id asc nulls last
            )
    ),

    current_versions as (
        select *
        from with_first_costs
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by source_account, id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as order_line_id,
            {{ own_id("order_id") }} as order_id,
            sku,
            title as description,
            quantity::decimal(18, 4) as quantity,
            upper(currency_code) as currency,
            {{ money("unit_price") }} as unit_price_amount,
            {{ money("coalesce(discounted_total, unit_price * quantity)") }} as line_amount,
            {{ money("first_unit_cost") }} as unit_cost_amount,
            upper(first_unit_cost_currency_code) as unit_cost_currency,
            coalesce(is_gift_card, false) as is_gift_card
        from current_versions
    )

select *
from renamed
