with
    source as (select * from {{ source("raw_respond_io", "messages") }}),

    numbered_versions as (
        select
            *,
            row_number() over (
                partition by source_account, message_id
                order by _dlt_valid_from asc nulls first, _dlt_id asc nulls first
            ) as version_number,
            row_number() over (
                partition by source_account, message_id
                order by delivery_status_at asc nulls first, _dlt_valid_from asc nulls first, _dlt_id asc nulls first
            ) as receipt_number
        from source
    ),

    -- A message is seen again with later receipts, and under the contact that others were merged into. Its instant
    -- and sender stand in the webhook's message; where the list of messages leaves them out, they still hold.
    current_messages as (
        select
            source_account,
            message_id,
            max_by(contact_id, version_number) as contact_id,
            {{ sorted_list("contact_id") }} as contact_ids,
            max(channel_id) as channel_id,
            max(traffic) as traffic,
            max(sender_source) as sender_source,
            max(sender_user_id) as sender_user_id,
            max(sender_team_id) as sender_team_id,
            max_by(coalesce(delivery_status, ''), receipt_number) as delivery_status,
            min(sent_at) as sent_at,
            min(_dlt_load_id) as first_load_id
        from numbered_versions
        group by source_account, message_id
    ),

    renamed as (
        select
            {{ own_id("message_id") }} as message_id,
            {{ own_id("contact_id") }} as contact_id,
            {{ own_ids("contact_ids", ",") }} as contact_ids,
            {{ own_id("channel_id") }} as channel_id,
            case when traffic = 'incoming' then 'inbound' else 'outbound' end as direction,
            case
                when traffic = 'incoming'
                then 'contact'
                when sender_source in ('user', 'echo') or (sender_source is null and sender_user_id is not null)
                then 'agent'
                when sender_source = 'broadcast'
                then 'broadcast'
                when sender_source is null
                then 'unknown'
                else 'bot'
            end as sender_kind,
            {{ own_id("sender_user_id") }} as sender_user_id,
            {{ own_id("sender_team_id") }} as sender_team_id,
            delivery_status = 'failed' as has_failed,
            {{ utc_timestamp("sent_at") }} as sent_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from current_messages
    )

select *
from renamed
