with
    source as (select * from {{ source("raw_stripe", "subscription_events") }}),

    renamed as (
        select
            id as event_id,
            type as event_type,
            subscription as subscription_id,
            status as subscription_status,
            previous_status as previous_subscription_status,
            has_items,
            {{ utc_timestamp("created") }} as occurred_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
