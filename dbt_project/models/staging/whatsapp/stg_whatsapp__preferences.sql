with
    source as (select * from {{ source("raw_whatsapp", "preferences") }}),

    renamed as (
        select
            {{ own_id("contact_id") }} as contact_id,
            category,
            preference,
            {{ utc_timestamp("told_at") }} as told_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
