with
    unioned as (select * from {{ ref("int_messages__unioned") }}),
    merges as (select * from {{ ref("int_merges__followed") }}),
    conversation_events as (select * from {{ ref("int_conversation_events__judged") }}),

    messages as (
        select
            unioned.message_id,
            unioned.source_system,
            unioned.source_record_id,
            coalesce(
                {{ record_key("unioned.source_system", "unioned.customer_record_type", "merges.survivor_id") }},
                unioned.record_key
            ) as record_key,
            unioned.conversation_id,
            coalesce(unioned.channel, 'unknown') as channel,
            unioned.direction,
            unioned.sender_kind,
            unioned.sender_user_id,
            unioned.sender_team_id,
            unioned.has_failed,
            unioned.sent_at,
            unioned.loaded_at
        from unioned
        left join
            merges
            on merges.source_system = unioned.source_system
            and merges.record_type = unioned.customer_record_type
            and merges.merged_id = unioned.customer_id
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

    -- Messages in a spam conversation do not count, nor does anything from a contact who sends nothing but spam.
    final as (
        select *
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
