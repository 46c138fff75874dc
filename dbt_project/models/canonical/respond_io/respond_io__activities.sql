with
    stages as (select * from {{ ref("respond_io__stages__followed") }}),
    events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    blocked_contacts as (select contact_id from {{ ref("stg_respond_io__contacts") }} where is_blocked),
    tags as (select * from {{ ref("vendor_vocabulary") }} where source_system = 'respond_io' and kind = 'tag'),

    tag_changes as (
        select
            events.contact_id,
            events.event_id,
            -- Removing a permission is a refusal and removing a refusal is a permission; removing any other tag undoes
            -- nothing.
            case
                when events.tag_action = 'add'
                then tags.meaning
                when tags.meaning = 'opted_in'
                then 'opted_out'
                else 'opted_in'
            end as activity,
            tags.reason,
            events.occurred_at,
            events.loaded_at
        from events
        inner join tags on tags.value = events.tag
        where
            events.event_type = 'contact.tag.updated'
            and (
                events.tag_action = 'add'
                or (events.tag_action = 'remove' and tags.meaning in ('opted_in', 'opted_out'))
            )
    ),

    unioned as (
        select
            'crm_stage_changed' as activity,
            source_record_id,
            contact_id as customer_id,
            changed_at as occurred_at,
            {{ json_attributes({"stage": "inbox_stage", "changed_by": "changed_by"}) }} as attributes,
            loaded_at
        from stages
        union all
        select
            activity,
            event_id as source_record_id,
            contact_id as customer_id,
            occurred_at,
            {{ json_attributes({"reason": "reason"}) }} as attributes,
            loaded_at
        from tag_changes
    ),

    final as (
        select *, 'contact' as customer_record_type, 'inbox' as channel
        from unioned
        where customer_id not in (select contact_id from blocked_contacts)
    )

select *
from final
