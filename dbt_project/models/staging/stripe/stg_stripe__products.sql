with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "products") }}
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
        select {{ own_id("id") }} as product_id, name as product_name, {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
