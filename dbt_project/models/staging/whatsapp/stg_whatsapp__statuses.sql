with
    source as (select * from {{ source("raw_whatsapp", "statuses") }}),

    -- WhatsApp's id of a message holds the contact's number, which anyone can read in it.
    renamed as (
        select
            {{ own_id("md5(message_id)") }} as message_id,
            {{ own_id("contact_id") }} as contact_id,
            status,
            coalesce(pricing_category, conversation_origin) as category,
            group_id is not null as is_to_group,
            {{ utc_timestamp("occurred_at") }} as occurred_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
