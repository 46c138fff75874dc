with
    source as (select * from {{ source("raw_files", "messages") }}),

    current_versions as (
        select * from source where _dlt_valid_to is null qualify {{ once_a_company(["message_id"], ["sent_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("message_id") }} as message_id,
            {{ file_reference("conversation_id") }} as conversation_id,
            {{ file_reference("customer_id") }} as customer_id,
            channel,
            lower(direction) as direction,
            coalesce(
                lower(sender_kind), case when lower(direction) = 'inbound' then 'contact' else 'agent' end
            ) as sender_kind,
            agent as agent_key,
            {{ utc_timestamp("sent_at") }} as sent_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
