with
    messages as (select * from {{ ref("stg_whatsapp__messages") }}),
    statuses as (select * from {{ ref("stg_whatsapp__statuses") }}),

    -- What the company sends through the API is known from its receipts alone, which come in any order.
    receipts as (
        select
            message_id,
            max(contact_id) as contact_id,
            max(category) as category,
            max(case when status = 'failed' then 1 else 0 end) as failures,
            max(case when status in ('delivered', 'read') then 1 else 0 end) as arrivals,
            min(occurred_at) as sent_at,
            min(loaded_at) as loaded_at
        from statuses
        where not is_to_group
        group by message_id
    ),

    -- A reaction to a message, and a note that a number has changed, ask for no answer.
    written as (select * from messages where message_type not in ('reaction', 'system') or message_type is null),

    unioned as (
        select
            written.message_id,
            written.contact_id,
            written.direction,
            case when written.direction = 'inbound' then 'contact' else 'agent' end as sender_kind,
            coalesce(receipts.failures = 1 and receipts.arrivals = 0, false) as has_failed,
            written.sent_at,
            written.loaded_at
        from written
        left join receipts on receipts.message_id = written.message_id
        union all
        select
            receipts.message_id,
            receipts.contact_id,
            'outbound' as direction,
            case
                when receipts.category like 'marketing%'
                then 'broadcast'
                when receipts.category in ('utility', 'authentication')
                then 'bot'
                else '{{ var("whatsapp_replies_are_by") }}'
            end as sender_kind,
            receipts.failures = 1 and receipts.arrivals = 0 as has_failed,
            receipts.sent_at,
            receipts.loaded_at
        from receipts
        left join messages on messages.message_id = receipts.message_id
        where messages.message_id is null
    ),

    final as (
        select
            message_id,
            contact_id as customer_id,
            'contact' as customer_record_type,
            -- as inboxes call it that are connected to such a number
            'whatsapp_cloud' as channel,
            direction,
            sender_kind,
            has_failed,
            sent_at,
            loaded_at
        from unioned
    )

select *
from final
