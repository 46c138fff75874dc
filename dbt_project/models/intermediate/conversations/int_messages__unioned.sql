with
    inbox_messages as (select * from {{ ref("stg_respond_io__messages") }}),
    inbox_channels as (select * from {{ ref("stg_respond_io__channels") }}),
    blocked_contacts as (select contact_id from {{ ref("stg_respond_io__contacts") }} where is_blocked),
    file_messages as (select * from {{ ref("stg_files__messages") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),

    unioned as (
        select
            'respond_io' as source_system,
            inbox_messages.message_id as source_record_id,
            {{ record_key("'respond_io'", "'contact'", "inbox_messages.contact_id") }} as record_key,
            cast(null as {{ dbt.type_string() }}) as conversation_id,
            coalesce(inbox_channels.channel, 'unknown') as channel,
            inbox_messages.direction,
            inbox_messages.sender_kind,
            inbox_messages.sender_user_id,
            inbox_messages.has_failed,
            inbox_messages.sent_at,
            inbox_messages.loaded_at
        from inbox_messages
        left join inbox_channels on inbox_channels.channel_id = inbox_messages.channel_id
        where
            inbox_messages.sent_at is not null
            and inbox_messages.contact_id not in (select contact_id from blocked_contacts)
        union all
        select
            'files',
            file_messages.message_id,
            case
                when coalesce(file_messages.customer_id, file_conversations.customer_id) is not null
                then
                    {{
                        record_key(
                            "'files'",
                            "'customer'",
                            "coalesce(file_messages.customer_id, file_conversations.customer_id)",
                        )
                    }}
                when file_messages.conversation_id is not null
                then {{ record_key("'files'", "'guest_conversation'", "file_messages.conversation_id") }}
            end,
            'files:' || file_messages.conversation_id,
            coalesce(file_messages.channel, file_conversations.channel, 'unknown'),
            file_messages.direction,
            file_messages.sender_kind,
            file_messages.agent_key,
            false,
            file_messages.sent_at,
            file_messages.loaded_at
        from file_messages
        left join file_conversations on file_conversations.conversation_id = file_messages.conversation_id
    ),

    final as (select source_system || ':' || source_record_id as message_id, unioned.* from unioned)

select *
from final
