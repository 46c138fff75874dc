with
    source as (select * from {{ source("raw_whatsapp", "statuses") }}),

    -- WhatsApp's ids hold the contact's number: beyond the raw tables their MD5 stands for them.
    renamed as (
        select
            {{ own_id("md5(message_id)") }} as message_id,
            {{ own_id("md5(wa_id)") }} as contact_id,
            status,
            coalesce(pricing_category, conversation_origin) as category,
            group_id is not null as is_to_group,
            {{ utc_timestamp("occurred_at") }} as occurred_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
