with
    source as (select * from {{ source("raw_whatsapp", "messages") }}),

    -- WhatsApp's ids hold the contact's number: beyond the raw tables their MD5 stands for them.
    renamed as (
        select
            {{ own_id("md5(message_id)") }} as message_id,
            {{ own_id("md5(wa_id)") }} as contact_id,
            direction,
            message_type,
            case when referral_source_type = 'ad' then referral_source_id end as ad_id,
            nullif(ctwa_clid, '') as ctwa_clid,
            {{ own_id("md5(new_wa_id)") }} as new_contact_id,
            {{ utc_timestamp("sent_at") }} as sent_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
