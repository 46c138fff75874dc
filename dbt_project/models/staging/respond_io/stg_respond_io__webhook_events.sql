with
    source as (select * from {{ source("raw_respond_io", "webhook_events") }}),

    renamed as (
        select
            {{ own_id("event_id") }} as event_id,
            event_type,
            {{ own_id("contact_id") }} as contact_id,
            nullif(lifecycle, '') as inbox_stage,
            nullif(old_lifecycle, '') as previous_inbox_stage,
            tag,
            tag_action,
            {{ own_id("conversation_id") }} as conversation_id,
            {{ utc_timestamp("conversation_opened_at") }} as conversation_opened_at,
            conversation_source,
            {{ own_id("channel_id") }} as channel_id,
            ad_id,
            closing_category,
            closing_summary,
            closed_by_source,
            {{ own_id("user_id") }} as user_id,
            {{ utc_timestamp("occurred_at") }} as occurred_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
