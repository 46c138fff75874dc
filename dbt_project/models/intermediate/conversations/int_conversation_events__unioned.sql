with
    inbox_events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),

    unioned as (
        select
            'respond_io' as source_system,
            event_id as source_record_id,
            {{ record_key("'respond_io'", "'contact'", "contact_id") }} as record_key,
            'respond_io:' || conversation_id as conversation_id,
            case
                event_type
                when 'conversation.opened'
                then 'opened'
                when 'conversation.closed'
                then 'closed'
                else 'assigned'
            end as event,
            case when event_type = 'contact.assignee.updated' then user_id end as assigned_user_id,
            occurred_at
        from inbox_events
        where
            event_type in ('conversation.opened', 'conversation.closed')
            or (event_type = 'contact.assignee.updated' and user_id is not null)
        union all
        select
            'files',
            conversation_id || ':opened',
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                else {{ record_key("'files'", "'guest_conversation'", "conversation_id") }}
            end,
            'files:' || conversation_id,
            'opened',
            null,
            opened_at
        from file_conversations
        union all
        select
            'files',
            conversation_id || ':closed',
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                else {{ record_key("'files'", "'guest_conversation'", "conversation_id") }}
            end,
            'files:' || conversation_id,
            'closed',
            null,
            closed_at
        from file_conversations
        where closed_at is not null
    ),

    followed as (
        select
            *,
            lag(event) over (
                partition by conversation_id, event = 'assigned'
                order by occurred_at asc nulls last, source_record_id asc nulls last
            ) as previous_event
        from unioned
    ),

    -- What is open already is not opened again, and what is closed not closed.
    final as (
        select
            source_system || ':' || source_record_id as event_id,
            source_system,
            record_key,
            conversation_id,
            event,
            assigned_user_id,
            occurred_at
        from followed
        where event = 'assigned' or event <> coalesce(previous_event, 'none')
    )

select *
from final
