with
    source as (select * from {{ source("raw_stripe", "price_tiers") }}),

    -- A price that says no amount is one row with null, so that what it said before is retired.
    current_versions as (
        select *
        from source
        where _dlt_valid_to is null and currency is not null
        qualify
            row_number() over (
                partition by source_account, price, currency, tier
                order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("price") }} as price_id,
            upper(currency) as currency,
            tier as tier_number,
            up_to as up_to_quantity,
            {{ major_units("coalesce(unit_amount_decimal, 0)", "currency") }} as unit_amount,
            {{ major_units("coalesce(flat_amount_decimal, 0)", "currency") }} as flat_amount
        from current_versions
    )

select *
from renamed
