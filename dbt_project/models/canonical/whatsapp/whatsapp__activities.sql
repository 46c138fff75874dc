with
    preferences as (select * from {{ ref("stg_whatsapp__preferences") }}),

    final as (
        select
            case preference when 'stop' then 'opted_out' else 'opted_in' end as activity,
            contact_id || ':' || category as source_record_id,
            contact_id as customer_id,
            'contact' as customer_record_type,
            'inbox' as channel,
            told_at as occurred_at,
            {{ json_attributes({"reason": "category"}) }} as attributes,
            loaded_at
        from preferences
        where preference in ('stop', 'resume')
    )

select *
from final
