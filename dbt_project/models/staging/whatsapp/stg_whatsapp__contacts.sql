with
    source as (select * from {{ source("raw_whatsapp", "contacts") }}),

    numbered as (
        select
            *,
            row_number() over (
                partition by source_account, wa_id order by told_at asc nulls last, told_by asc nulls last
            ) as telling_number
        from source
    ),

    -- Deliveries come in any order: the name that was told last by the clock of WhatsApp holds.
    aggregated as (
        select
            source_account,
            wa_id,
            max(phone) as phone,
            max_by(profile_name, case when profile_name is not null then telling_number end) as profile_name,
            max_by(user_id, case when user_id is not null then telling_number end) as user_id,
            min(told_at) as first_told_at,
            min(_dlt_load_id) as first_load_id
        from numbered
        group by source_account, wa_id
    ),

    -- WhatsApp's ids hold the contact's number: beyond the raw tables their MD5 stands for them.
    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("md5(wa_id)") }} as contact_id,
            '+' || replace(phone, '+', '') as phone,
            profile_name as first_name,
            {{ own_id("md5(user_id)") }} as user_id,
            {{ utc_timestamp("first_told_at") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from aggregated
    )

select *
from renamed
