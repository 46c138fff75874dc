with
    contacts as (select * from {{ ref("stg_whatsapp__contacts") }}),
    messages as (select * from {{ ref("stg_whatsapp__messages") }}),

    -- A contact who changes the number says so; one who hid it was known by an id within the business.
    told as (
        select contact_id as merged_id, new_contact_id as survivor_id
        from messages
        where new_contact_id is not null
        union
        select user_id as merged_id, contact_id as survivor_id
        from contacts
        where user_id is not null
    ),

    final as (
        select 'contact' as record_type, told.merged_id, told.survivor_id
        from told
        inner join contacts as merged on merged.contact_id = told.merged_id
        inner join contacts as survivors on survivors.contact_id = told.survivor_id
        where told.merged_id <> told.survivor_id
    )

select *
from final
