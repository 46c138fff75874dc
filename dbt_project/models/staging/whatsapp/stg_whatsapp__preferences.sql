with
    source as (select * from {{ source("raw_whatsapp", "preferences") }}),

    -- WhatsApp's ids hold the contact's number: beyond the raw tables their MD5 stands for them.
    renamed as (
        select
            {{ own_id("md5(wa_id)") }} as contact_id,
            category,
            preference,
            {{ utc_timestamp("told_at") }} as told_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
