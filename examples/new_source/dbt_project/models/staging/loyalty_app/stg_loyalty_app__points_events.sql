with
    source as (select * from {{ source("raw_loyalty_app", "points_events") }}),

    renamed as (
        select
            {{ own_id("id") }} as points_event_id,
            {{ own_id("member_id") }} as member_id,
            kind as event_kind,
            points,
            {{ utc_timestamp("happened_at") }} as happened_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
