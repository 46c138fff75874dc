with
    source as (select * from {{ source("raw_stripe", "subscription_events") }}),

    renamed as (
        select
            {{ own_id("id") }} as event_id,
            type as event_type,
            {{ own_id("subscription") }} as subscription_id,
            status as subscription_status,
            previous_status as previous_subscription_status,
            pause_collection_behavior is not null as is_collection_paused,
            previous_pause_collection_behavior is not null as was_collection_paused,
            has_items,
            {{ utc_timestamp("created") }} as occurred_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
