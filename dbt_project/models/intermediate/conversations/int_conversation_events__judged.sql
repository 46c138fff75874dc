with
    events as (select * from {{ ref("int_conversation_events__unioned") }}),
    merges as (select * from {{ ref("int_merges__followed") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    followed as (
        select
            *,
            lag(event) over (
                partition by conversation_id, event = 'assigned'
                order by occurred_at asc nulls last, is_told_by_closing asc nulls last, source_record_id asc nulls last
            ) as previous_event
        from events
    ),

    -- An open conversation cannot be opened again, nor a closed one closed.
    told as (
        select
            followed.event_id,
            followed.source_system,
            coalesce(
                {{ record_key("followed.source_system", "followed.customer_record_type", "merges.survivor_id") }},
                followed.record_key
            ) as record_key,
            followed.conversation_id,
            followed.event,
            followed.assigned_user_id,
            followed.closing_category,
            followed.closed_by_source,
            followed.closed_by_user_id,
            followed.occurred_at,
            followed.loaded_at
        from followed
        left join
            merges
            on merges.source_system = followed.source_system
            and merges.record_type = followed.customer_record_type
            and merges.merged_id = followed.customer_id
        where event = 'assigned' or event <> coalesce(previous_event, 'none')
    ),

    -- A conversation is spam while the last thing that happened to it is a closing that says so.
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

    -- If every conversation of a contact is spam, nothing else about the contact counts either.
    final as (
        select *, max(is_spam) over of_contact and min(event = 'assigned' or is_spam) over of_contact as is_spam_contact
        from judged
        window of_contact as (partition by record_key)
    )

select *
from final
