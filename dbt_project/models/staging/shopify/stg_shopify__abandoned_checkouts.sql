with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_shopify", "abandoned_checkouts") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by updated_at desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as checkout_id,
            {{ own_id("customer_id") }} as customer_id,
            email,
            phone,
            upper(currency_code) as currency,
            {{ money("total_price") }} as checkout_amount,
            {{ utc_timestamp("created_at") }} as started_at,
            {{ utc_timestamp("completed_at") }} as completed_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
