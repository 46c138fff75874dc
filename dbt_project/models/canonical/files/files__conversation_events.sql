with
    conversations as (select * from {{ ref("stg_files__conversations") }}),

    -- Someone without a customer record is the conversation's own contact.
    known as (
        select
            *,
            coalesce(customer_id, conversation_id) as contact_id,
            case when customer_id is null then 'guest_conversation' else 'customer' end as contact_record_type
        from conversations
    ),

    final as (
        select
            conversation_id || ':opened' as event_id,
            contact_id as customer_id,
            contact_record_type as customer_record_type,
            conversation_id,
            'opened' as event,
            cast(null as {{ dbt.type_string() }}) as closing_category,
            opened_at as occurred_at,
            loaded_at
        from known
        union all
        select
            conversation_id || ':closed' as event_id,
            contact_id as customer_id,
            contact_record_type as customer_record_type,
            conversation_id,
            'closed' as event,
            closing_category,
            closed_at as occurred_at,
            loaded_at
        from known
        where closed_at is not null
    )

select *
from final
