with
    conversations as (select * from {{ ref("whatsapp__conversations") }}),

    final as (
        select
            conversation_id || ':opened' as event_id,
            conversation_id,
            customer_id,
            customer_record_type,
            'opened' as event,
            false as is_told_by_closing,
            opened_at as occurred_at,
            loaded_at
        from conversations
    )

select *
from final
