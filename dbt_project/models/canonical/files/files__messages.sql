with
    messages as (select * from {{ ref("stg_files__messages") }}),
    conversations as (select * from {{ ref("stg_files__conversations") }}),

    -- A message without a customer belongs to its conversation's customer, or to the conversation's own contact if that
    -- has none either.
    final as (
        select
            messages.message_id,
            coalesce(messages.customer_id, conversations.customer_id, messages.conversation_id) as customer_id,
            case
                when coalesce(messages.customer_id, conversations.customer_id) is null
                then 'guest_conversation'
                else 'customer'
            end as customer_record_type,
            messages.conversation_id,
            coalesce(messages.channel, conversations.channel) as channel,
            messages.direction,
            messages.sender_kind,
            messages.agent_key as sender_user_id,
            false as has_failed,
            messages.sent_at,
            messages.loaded_at
        from messages
        left join conversations on conversations.conversation_id = messages.conversation_id
    )

select *
from final
