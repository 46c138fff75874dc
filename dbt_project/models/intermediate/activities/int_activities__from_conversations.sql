with
    conversations as (select * from {{ ref("int_conversations__screened") }}),
    conversation_events as (select * from {{ ref("int_conversation_events__judged") }}),
    messages as (select * from {{ ref("int_messages__screened") }} where not has_failed),
    contacts as (select * from {{ ref("int_contacts__unioned") }}),
    waits as (select * from {{ ref("int_response_waits__delimited") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- Contacts who are blocked or send nothing but spam.
    left_out as (
        select {{ record_key("source_system", "record_type", "source_record_id") }} as record_key
        from contacts
        where is_blocked
        union
        select record_key
        from conversation_events
        where is_spam_contact
    ),

    -- The first reply is the one that response times measure: a person's, in the conversation that asked for it.
    first_replies as (
        select
            conversations.source_system,
            conversations.source_record_id,
            conversations.record_key,
            conversations.channel,
            waits.replied_at,
            waits.reply_loaded_at as loaded_at
        from conversations
        inner join waits on waits.conversation_id = conversations.conversation_id
        where waits.replied_at is not null
        qualify
            row_number() over (
                partition by conversations.conversation_id
                order by waits.replied_at asc nulls last, waits.reply_loaded_at asc nulls last
            )
            = 1
    ),

    -- Every closing, including those of a conversation that was opened again.
    closings as (
        select
            conversations.source_system,
            conversations.source_record_id,
            conversations.record_key,
            conversations.channel,
            conversation_events.occurred_at,
            conversation_events.closing_category,
            conversation_events.closed_by_source,
            vocabulary.reason as closing_reason,
            conversation_events.loaded_at
        from conversation_events
        inner join conversations on conversations.conversation_id = conversation_events.conversation_id
        left join
            vocabulary
            on vocabulary.source_system = conversation_events.source_system
            and vocabulary.kind = 'closing_category'
            and vocabulary.value = conversation_events.closing_category
        where conversation_events.event = 'closed'
    ),

    -- The broadcast that a contact heard last, beside each message.
    message_sequences as (
        select
            *,
            max(case when sender_kind = 'broadcast' then sent_at end) over (
                partition by record_key
                order by sent_at asc nulls last, source_record_id asc nulls last
                rows between unbounded preceding and current row
            ) as broadcast_at
        from messages
    ),

    -- The first message of a contact within the days after it answers a broadcast.
    broadcast_replies as (
        select *
        from message_sequences
        where direction = 'inbound' and sent_at <= {{ dbt.dateadd("day", var("broadcast_reply_days"), "broadcast_at") }}
        qualify
            row_number() over (
                partition by record_key, broadcast_at order by sent_at asc nulls last, source_record_id asc nulls last
            )
            = 1
    ),

    unioned as (
        select
            'conversation_opened' as activity,
            source_system,
            source_record_id,
            record_key,
            opened_at as occurred_at,
            channel,
            campaign_id,
            ad_id,
            cast(null as decimal(18, 4)) as amount,
            cast(null as {{ dbt.type_string() }}) as currency,
            {{ json_attributes({"opened_by": "opened_by_source", "begun_by": "begun_by"}) }} as attributes,
            click_ids,
            loaded_at
        from conversations
        union all
        select
            'conversation_closed' as activity,
            source_system,
            source_record_id,
            record_key,
            occurred_at,
            channel,
            null as campaign_id,
            null as ad_id,
            null as amount,
            null as currency,
            {{
                json_attributes(
                    {"category": "closing_category", "reason": "closing_reason", "closed_by": "closed_by_source"}
                )
            }} as attributes,
            null as click_ids,
            loaded_at
        from closings
        union all
        select
            case
                when direction = 'inbound'
                then 'message_received'
                when sender_kind = 'broadcast'
                then 'broadcast_sent'
                else 'message_sent'
            end as activity,
            source_system,
            source_record_id,
            record_key,
            sent_at as occurred_at,
            channel,
            null as campaign_id,
            null as ad_id,
            null as amount,
            null as currency,
            {{ json_attributes({"sender": "sender_kind", "user_id": "sender_user_id"}) }} as attributes,
            null as click_ids,
            loaded_at
        from messages
        union all
        select
            'broadcast_replied' as activity,
            source_system,
            source_record_id,
            record_key,
            sent_at as occurred_at,
            channel,
            null as campaign_id,
            null as ad_id,
            null as amount,
            null as currency,
            null as attributes,
            null as click_ids,
            loaded_at
        from broadcast_replies
        union all
        select
            'first_reply_sent' as activity,
            source_system,
            source_record_id,
            record_key,
            replied_at as occurred_at,
            channel,
            null as campaign_id,
            null as ad_id,
            null as amount,
            null as currency,
            null as attributes,
            null as click_ids,
            loaded_at
        from first_replies
    ),

    final as (
        select * from unioned where not exists (select 1 from left_out where left_out.record_key = unioned.record_key)
    )

select *
from final
