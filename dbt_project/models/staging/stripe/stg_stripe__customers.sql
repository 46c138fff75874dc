with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "customers") }}
    ),

    -- Stripe's objects carry no instant of change: the version seen last is the current one.
    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as customer_id,
            email,
            name as customer_name,
            phone,
            address_country as country,
            metadata_customer_number as customer_number,
            {{ own_id("discount_id") }} as discount_id,
            discount_duration,
            discount_percent_off::double as discount_percent_off,
            upper(discount_currency) as discount_currency,
            {{ major_units("discount_amount_off", "discount_currency") }} as discount_off_amount,
            {{ own_ids("discount_applies_to_products", ",") }} as discount_applies_to_products,
            {{ utc_timestamp("discount_start") }} as discount_started_at,
            {{ utc_timestamp("discount_end") }} as discount_ended_at,
            deleted as is_deleted,
            {{ utc_timestamp("created") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
