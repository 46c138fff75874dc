with
    conversations as (select * from {{ ref("stg_files__conversations") }}),

    final as (
        select
            conversation_id,
            customer_id,
            email,
            phone,
            channel,
            campaign_id,
            'contact' as opened_by_source,
            'contact' as begun_by,
            opened_at,
            closed_at,
            closing_category,
            loaded_at
        from conversations
    )

select *
from final
