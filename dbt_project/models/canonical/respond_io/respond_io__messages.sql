with
    messages as (select * from {{ ref("stg_respond_io__messages") }}),
    channels as (select * from {{ ref("stg_respond_io__channels") }}),
    blocked_contacts as (select contact_id from {{ ref("stg_respond_io__contacts") }} where is_blocked),

    final as (
        select
            messages.message_id,
            messages.contact_id as customer_id,
            'contact' as customer_record_type,
            channels.channel,
            messages.direction,
            messages.sender_kind,
            messages.sender_user_id,
            messages.sender_team_id,
            messages.has_failed,
            messages.sent_at,
            messages.loaded_at
        from messages
        left join channels on channels.channel_id = messages.channel_id
        where messages.sent_at is not null and messages.contact_id not in (select contact_id from blocked_contacts)
    )

select *
from final
