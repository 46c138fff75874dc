with
    messages as (select * from {{ ref("int_messages__unioned") }}),
    conversation_events as (select * from {{ ref("int_conversation_events__judged") }}),

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
        select
            message_id,
            source_system,
            source_record_id,
            record_key,
            conversation_id,
            coalesce(channel, 'unknown') as channel,
            direction,
            sender_kind,
            sender_user_id,
            sender_team_id,
            has_failed,
            sent_at,
            loaded_at
        from messages
        where
            not exists (select 1 from spam where spam.conversation_id = messages.conversation_id)
            and not exists (
                select 1
                from spam
                where
                    spam.record_key = messages.record_key
                    and messages.conversation_id is null
                    and (
                        spam.is_spam_contact
                        or messages.sent_at between {{ dbt.dateadd("minute", -5, "spam.opened_at") }} and spam.closed_at
                    )
            )
    )

select *
from final
