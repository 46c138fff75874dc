with
    messages as (select * from {{ ref("stg_whatsapp__messages") }}),

    -- WhatsApp tells of no conversations. Where a contact comes by an ad, that opens one.
    final as (
        select
            message_id as conversation_id,
            contact_id as customer_id,
            'contact' as customer_record_type,
            'whatsapp_cloud' as channel,
            ad_id,
            {{ click_ids({"ctwa_clid": "ctwa_clid"}) }} as click_ids,
            'ad' as opened_by_source,
            'contact' as begun_by,
            sent_at as opened_at,
            loaded_at
        from messages
        where ad_id is not null and direction = 'inbound'
    )

select *
from final
