with
    source as (
        select
            *,
            min(_dlt_load_id) over (partition by source_account, id) as first_load_id,
            min(order_updated_at) over (partition by source_account, id) as first_seen_at,
            min(case when status = 'WON' then order_updated_at end) over (
                partition by source_account, id
            ) as won_seen_at
        from {{ source("raw_shopify", "order_disputes") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by order_updated_at desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as dispute_id,
            {{ own_id(replace_matches("id", "^.*/", "")) }} as dispute_number,
            {{ own_id("order_id") }} as order_id,
            initiated_as = 'INQUIRY' as is_inquiry,
            status as dispute_status,
            upper(currency_code) as currency,
            {{ money("amount") }} as dispute_amount,
            -- If no instant is stated: when the order was first seen with it.
            {{ utc_timestamp("coalesce(initiated_at, first_seen_at)") }} as disputed_at,
            {{ utc_timestamp("coalesce(finalized_on, won_seen_at)") }} as decided_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
