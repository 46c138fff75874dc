with
    points_events as (select * from {{ ref("stg_loyalty_app__points_events") }}),

    final as (
        select
            case event_kind when 'joined' then 'loyalty_joined' when 'referral' then 'referral_made' end as activity,
            points_event_id as source_record_id,
            member_id as customer_id,
            'member' as customer_record_type,
            happened_at as occurred_at,
            'loyalty_app' as channel,
            loaded_at
        from points_events
        where event_kind in ('joined', 'referral')
    )

select *
from final
