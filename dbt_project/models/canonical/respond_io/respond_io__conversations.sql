with
    events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    channels as (select * from {{ ref("stg_respond_io__channels") }}),
    blocked_contacts as (select contact_id from {{ ref("stg_respond_io__contacts") }} where is_blocked),

    -- A closing also names its opening, whose own event may have been lost.
    tellings as (
        select
            event_id,
            conversation_id,
            contact_id,
            channel_id,
            ad_id,
            conversation_source,
            case when event_type = 'conversation.opened' then occurred_at else conversation_opened_at end as opened_at,
            event_type = 'conversation.closed' as is_told_by_closing,
            loaded_at
        from events
        where event_type in ('conversation.opened', 'conversation.closed')
    ),

    openings as (
        select *
        from tellings
        where opened_at is not null and contact_id not in (select contact_id from blocked_contacts)
        qualify
            row_number() over (
                partition by conversation_id
                order by is_told_by_closing asc nulls last, opened_at asc nulls last, event_id asc nulls last
            )
            = 1
    ),

    -- A conversation that was opened again may have been closed several times.
    last_closings as (
        select conversation_id, occurred_at, closing_category, closed_by_source, user_id
        from events
        where event_type = 'conversation.closed'
        qualify
            row_number() over (
                partition by conversation_id order by occurred_at desc nulls last, event_id desc nulls last
            )
            = 1
    ),

    final as (
        select
            openings.conversation_id,
            openings.contact_id as customer_id,
            'contact' as customer_record_type,
            channels.channel,
            openings.ad_id,
            openings.conversation_source as opened_by_source,
            -- If it is not known that the contact wrote first, we did.
            case
                when openings.conversation_source in ('contact', 'ctc_ads', 'growth_widget')
                then 'contact'
                else 'company'
            end as begun_by,
            openings.opened_at,
            last_closings.occurred_at as closed_at,
            last_closings.closing_category,
            last_closings.closed_by_source,
            last_closings.user_id as closed_by_user_id,
            openings.loaded_at
        from openings
        left join last_closings on last_closings.conversation_id = openings.conversation_id
        left join channels on channels.channel_id = openings.channel_id
    )

select *
from final
