with
    events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    contact_versions as (select * from {{ ref("stg_respond_io__contact_versions") }}),
    loads as (select * from {{ ref("stg_respond_io__loads") }}),

    openings_and_closings as (
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
        from events
        where event_type in ('conversation.opened', 'conversation.closed')
        union all
        -- A closing also names its opening, whose own event may have been lost.
        select
            event_id || ':opened' as event_id,
            contact_id,
            conversation_id,
            'opened' as event,
            true as is_told_by_closing,
            null as closing_category,
            null as closed_by_source,
            null as user_id,
            conversation_opened_at as occurred_at,
            loaded_at
        from events
        where event_type = 'conversation.closed' and conversation_opened_at is not null
    ),

    -- The API shows whether a contact's conversation is closed; it is dated by the load that saw it first.
    states as (
        select contact_id, event_id, conversation_id, event, false as is_sighting, occurred_at, loaded_at
        from openings_and_closings
        union all
        select
            contact_versions.contact_id,
            contact_versions.version_id as event_id,
            null as conversation_id,
            'closed' as event,
            true as is_sighting,
            coalesce(loads.loaded_as_of, contact_versions.loaded_at) as occurred_at,
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

    -- A conversation that was open and is seen closed was closed, unless its event comes while contacts are being read.
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
            event_id,
            contact_id,
            conversation_id,
            event,
            is_told_by_closing,
            cast(null as {{ dbt.type_string() }}) as assigned_user_id,
            closing_category,
            closed_by_source,
            case when event = 'closed' then user_id end as closed_by_user_id,
            occurred_at,
            loaded_at
        from openings_and_closings
        union all
        select
            event_id,
            contact_id,
            conversation_before as conversation_id,
            'closed' as event,
            false as is_told_by_closing,
            null as assigned_user_id,
            null as closing_category,
            'seen in the inbox' as closed_by_source,
            null as closed_by_user_id,
            occurred_at,
            loaded_at
        from seen_closings
        union all
        select
            event_id,
            contact_id,
            null as conversation_id,
            'assigned' as event,
            false as is_told_by_closing,
            user_id as assigned_user_id,
            null as closing_category,
            null as closed_by_source,
            null as closed_by_user_id,
            occurred_at,
            loaded_at
        from events
        where event_type = 'contact.assignee.updated' and user_id is not null
    ),

    final as (
        select
            event_id,
            contact_id as customer_id,
            'contact' as customer_record_type,
            conversation_id,
            event,
            is_told_by_closing,
            assigned_user_id,
            closing_category,
            closed_by_source,
            closed_by_user_id,
            occurred_at,
            loaded_at
        from unioned
    )

select *
from final
