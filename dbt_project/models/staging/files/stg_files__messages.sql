with
    source as (select * from {{ source("raw_files", "messages") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            mapping,
            mapping || ':' || message_id as message_id,
            mapping || ':' || conversation_id as conversation_id,
            mapping || ':' || customer_id as customer_id,
            channel,
            lower(direction) as direction,
            coalesce(
                lower(sender_kind), case when lower(direction) = 'inbound' then 'contact' else 'agent' end
            ) as sender_kind,
            {{ utc_timestamp("sent_at") }} as sent_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
