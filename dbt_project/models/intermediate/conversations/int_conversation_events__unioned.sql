with
    inbox_events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    contact_versions as (select * from {{ ref("stg_respond_io__contact_versions") }}),
    loads as (select * from {{ ref("stg_respond_io__loads") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),
    merged_contacts as (
        select
            {{ record_key("'respond_io'", "'contact'", "merged_id") }} as record_key,
            {{ record_key("'respond_io'", "'contact'", "survivor_id") }} as surviving_record_key
        from {{ ref("int_crm_merges__followed") }}
        where record_type = 'inbox_contact'
    ),

    inbox_conversation_events as (
        select
            event_id,
            contact_id,
            conversation_id,
            case when event_type = 'conversation.opened' then 'opened' else 'closed' end as event,
            false as is_told_by_closing,
            closing_category,
            closed_by_source,
            user_id,
            occurred_at,
            loaded_at
        from inbox_events
        where event_type in ('conversation.opened', 'conversation.closed')
        union all
        -- A closing tells of its opening too, whose own event may have been lost.
        select
            event_id || ':opened',
            contact_id,
            conversation_id,
            'opened',
            true,
            null,
            null,
            null,
            conversation_opened_at,
            loaded_at
        from inbox_events
        where event_type = 'conversation.closed' and conversation_opened_at is not null
    ),

    -- The API shows whether a contact's conversation is closed; the load that saw it first calls its instant now.
    states as (
        select contact_id, event_id, conversation_id, event, false as is_sighting, occurred_at, loaded_at
        from inbox_conversation_events
        union all
        select
            contact_versions.contact_id,
            contact_versions.version_id,
            null,
            'closed',
            true,
            coalesce(loads.loaded_as_of, contact_versions.loaded_at),
            contact_versions.loaded_at
        from contact_versions
        left join loads on loads.load_id = contact_versions.load_id
        where contact_versions.contact_status in ('close', 'closed', 'done')
    ),

    followed_states as (
        select
            *,
            lag(event) over in_order as event_before,
            lag(conversation_id) over in_order as conversation_before,
            lead(event) over in_order as event_after,
            lead(is_sighting) over in_order as is_sighting_after,
            lead(occurred_at) over in_order as occurred_after_at
        from states
        window
            in_order as (
                partition by contact_id
                order by occurred_at asc nulls last, is_sighting asc nulls last, event_id asc nulls last
            )
    ),

    -- What was open and is seen closed was closed, unless the event of it comes while contacts are read.
    seen_closings as (
        select *
        from followed_states
        where
            is_sighting
            and event_before = 'opened'
            and not coalesce(
                not is_sighting_after
                and event_after = 'closed'
                and occurred_after_at <= {{ dbt.dateadd("hour", 1, "occurred_at") }},
                false
            )
    ),

    unioned as (
        select
            'respond_io' as source_system,
            event_id as source_record_id,
            {{ record_key("'respond_io'", "'contact'", "contact_id") }} as record_key,
            'respond_io:' || conversation_id as conversation_id,
            event,
            is_told_by_closing,
            cast(null as {{ dbt.type_string() }}) as assigned_user_id,
            closing_category,
            closed_by_source,
            case when event = 'closed' then user_id end as closed_by_user_id,
            occurred_at,
            loaded_at
        from inbox_conversation_events
        union all
        select
            'respond_io',
            event_id,
            {{ record_key("'respond_io'", "'contact'", "contact_id") }},
            'respond_io:' || conversation_before,
            'closed',
            false,
            null,
            null,
            'seen in the inbox',
            null,
            occurred_at,
            loaded_at
        from seen_closings
        union all
        select
            'respond_io',
            event_id,
            {{ record_key("'respond_io'", "'contact'", "contact_id") }},
            null,
            'assigned',
            false,
            user_id,
            null,
            null,
            null,
            occurred_at,
            loaded_at
        from inbox_events
        where event_type = 'contact.assignee.updated' and user_id is not null
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
            false,
            null,
            null,
            null,
            null,
            opened_at,
            loaded_at
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
            false,
            null,
            closing_category,
            null,
            null,
            closed_at,
            loaded_at
        from file_conversations
        where closed_at is not null
    ),

    followed as (
        select
            *,
            lag(event) over (
                partition by conversation_id, event = 'assigned'
                order by occurred_at asc nulls last, is_told_by_closing asc nulls last, source_record_id asc nulls last
            ) as previous_event
        from unioned
    ),

    -- What is open already is not opened again, and what is closed not closed.
    told as (
        select
            followed.source_system || ':' || followed.source_record_id as event_id,
            followed.source_system,
            coalesce(merged_contacts.surviving_record_key, followed.record_key) as record_key,
            followed.conversation_id,
            followed.event,
            followed.assigned_user_id,
            followed.closing_category,
            followed.closed_by_source,
            followed.closed_by_user_id,
            followed.occurred_at,
            followed.loaded_at
        from followed
        left join merged_contacts on merged_contacts.record_key = followed.record_key
        where event = 'assigned' or event <> coalesce(previous_event, 'none')
    ),

    -- A conversation is spam while the last that happened to it is a closing that says so.
    judged as (
        select
            told.*,
            told.event <> 'assigned'
            and coalesce(
                first_value(vocabulary.meaning) over (
                    partition by told.conversation_id, told.event = 'assigned'
                    order by told.occurred_at desc nulls last, told.event_id desc nulls last
                ),
                ''
            )
            = 'spam' as is_spam
        from told
        left join
            vocabulary
            on vocabulary.source_system = told.source_system
            and vocabulary.kind = 'closing_category'
            and vocabulary.value = told.closing_category
    ),

    -- Of whom every conversation is spam, nothing else is news either.
    final as (
        select *, max(is_spam) over of_contact and min(event = 'assigned' or is_spam) over of_contact as is_spam_contact
        from judged
        window of_contact as (partition by record_key)
    )

select *
from final
