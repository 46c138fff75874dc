with
    source as (select * from {{ source("raw_stripe", "subscription_discounts") }}),

    -- A removed discount shows only by its absence: it held until that was seen.
    latest_versions as (
        select *
        from source
        where id is not null
        qualify
            row_number() over (
                partition by source_account, subscription, id
                order by _dlt_valid_to is null desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("subscription") }} as subscription_id,
            {{ own_id("id") }} as discount_id,
            {{ own_id("subscription_item") }} as item_id,
            duration,
            percent_off::double as percent_off,
            upper(currency) as currency,
            {{ major_units("amount_off", "currency") }} as off_amount,
            {{ own_ids("applies_to_products", ",") }} as applies_to_products,
            {{ utc_timestamp("discount_start") }} as started_at,
            least({{ utc_timestamp("discount_end") }}, {{ utc_timestamp("_dlt_valid_to") }}) as ended_at,
            _dlt_valid_to is null as is_current
        from latest_versions
    )

select *
from renamed
