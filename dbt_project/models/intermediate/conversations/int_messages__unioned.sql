with
    inbox_messages as (select * from {{ ref("stg_respond_io__messages") }}),
    inbox_channels as (select * from {{ ref("stg_respond_io__channels") }}),
    blocked_contacts as (select contact_id from {{ ref("stg_respond_io__contacts") }} where is_blocked),
    file_messages as (select * from {{ ref("stg_files__messages") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),
    conversation_events as (select * from {{ ref("int_conversation_events__unioned") }}),
    merged_contacts as (
        select
            {{ record_key("'respond_io'", "'contact'", "merged_id") }} as record_key,
            {{ record_key("'respond_io'", "'contact'", "survivor_id") }} as surviving_record_key
        from {{ ref("int_crm_merges__followed") }}
        where record_type = 'inbox_contact'
    ),

    unioned as (
        select
            'respond_io' as source_system,
            inbox_messages.message_id as source_record_id,
            coalesce(
                merged_contacts.surviving_record_key,
                {{ record_key("'respond_io'", "'contact'", "inbox_messages.contact_id") }}
            ) as record_key,
            cast(null as {{ dbt.type_string() }}) as conversation_id,
            coalesce(inbox_channels.channel, 'unknown') as channel,
            inbox_messages.direction,
            inbox_messages.sender_kind,
            inbox_messages.sender_user_id,
            inbox_messages.sender_team_id,
            inbox_messages.has_failed,
            inbox_messages.sent_at,
            inbox_messages.loaded_at
        from inbox_messages
        left join inbox_channels on inbox_channels.channel_id = inbox_messages.channel_id
        left join
            merged_contacts
            on merged_contacts.record_key = {{ record_key("'respond_io'", "'contact'", "inbox_messages.contact_id") }}
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
            null,
            false,
            file_messages.sent_at,
            file_messages.loaded_at
        from file_messages
        left join file_conversations on file_conversations.conversation_id = file_messages.conversation_id
    ),

    spam as (
        select
            conversation_id,
            record_key,
            min(occurred_at) as opened_at,
            max(occurred_at) as closed_at,
            max(is_spam_contact) as is_spam_contact
        from conversation_events
        where is_spam
        group by conversation_id, record_key
    ),

    -- What is said in a conversation that is spam is no message, and nothing that a contact says who sends spam only.
    final as (
        select source_system || ':' || source_record_id as message_id, unioned.*
        from unioned
        where
            not exists (select 1 from spam where spam.conversation_id = unioned.conversation_id)
            and not exists (
                select 1
                from spam
                where
                    spam.record_key = unioned.record_key
                    and unioned.conversation_id is null
                    and (
                        spam.is_spam_contact
                        or unioned.sent_at between {{ dbt.dateadd("minute", -5, "spam.opened_at") }} and spam.closed_at
                    )
            )
    )

select *
from final
