with
    source as (select * from {{ source("raw_whatsapp", "messages") }}),

    -- WhatsApp's id of a message holds the contact's number, which anyone can read in it.
    renamed as (
        select
            {{ own_id("md5(message_id)") }} as message_id,
            {{ own_id("contact_id") }} as contact_id,
            direction,
            message_type,
            case when referral_source_type = 'ad' then referral_source_id end as ad_id,
            {{ own_id("new_contact_id") }} as new_contact_id,
            {{ utc_timestamp("sent_at") }} as sent_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
