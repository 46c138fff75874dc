with
    source as (select * from {{ source("raw_respond_io", "messages") }}),

    renamed as (
        select
            message_id,
            contact_id,
            channel_id,
            case when traffic = 'incoming' then 'inbound' else 'outbound' end as direction,
            case
                when traffic = 'incoming'
                then 'contact'
                when sender_source = 'user'
                then 'agent'
                when sender_source = 'broadcast'
                then 'broadcast'
                else 'bot'
            end as sender_kind,
            sender_user_id,
            {{ utc_timestamp("sent_at") }} as sent_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
