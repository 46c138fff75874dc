with
    inbox_events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    contact_versions as (select * from {{ ref("stg_respond_io__contact_versions") }}),
    loads as (select * from {{ ref("stg_respond_io__loads") }}),

    changes as (
        select
            contact_id,
            event_id,
            coalesce(previous_inbox_stage, '') as previous_stage,
            coalesce(inbox_stage, '') as stage,
            {{ dbt.date_trunc("second", "occurred_at") }} as changed_in,
            occurred_at,
            loaded_at
        from inbox_events
        where event_type = 'contact.lifecycle.updated'
    ),

    -- What the API showed, dated by the load that saw it first.
    sightings as (
        select
            contact_versions.contact_id,
            coalesce(contact_versions.inbox_stage, '') as stage,
            coalesce(loads.loaded_as_of, contact_versions.loaded_at) as seen_at,
            contact_versions.loaded_at
        from contact_versions
        left join loads on loads.load_id = contact_versions.load_id
    ),

    steps as (
        select contact_id, changed_in, stage, 1 as step
        from changes
        union all
        select contact_id, changed_in, previous_stage as stage, -1 as step
        from changes
    ),

    -- Changes within one second have no order, but each names the stage before it. They end at the stage that is
    -- entered once more than it is left, and begin at the one that is left once more than it is entered.
    balances as (
        select contact_id, changed_in, stage, sum(step) as balance from steps group by contact_id, changed_in, stage
    ),

    bounds as (
        select
            contact_id,
            changed_in,
            max(case when balance < 0 then stage end) as begins_with,
            max(case when balance > 0 then stage end) as ends_with
        from balances
        group by contact_id, changed_in
    ),

    -- A circle ends where it began, which the change before or the change after shows.
    neighbours as (
        select
            contact_id,
            changed_in,
            ends_with,
            lag(ends_with) over (partition by contact_id order by changed_in asc nulls last) as stage_before,
            lead(begins_with) over (partition by contact_id order by changed_in asc nulls last) as stage_after
        from bounds
    ),

    next_sightings as (
        select bounds.contact_id, bounds.changed_in, min_by(sightings.stage, sightings.seen_at) as stage_seen
        from bounds
        inner join sightings on sightings.contact_id = bounds.contact_id and sightings.seen_at >= bounds.changed_in
        where bounds.ends_with is null
        group by bounds.contact_id, bounds.changed_in
    ),

    ends as (
        select balances.contact_id, balances.changed_in, balances.stage
        from balances
        inner join
            neighbours on neighbours.contact_id = balances.contact_id and neighbours.changed_in = balances.changed_in
        left join
            next_sightings
            on next_sightings.contact_id = balances.contact_id
            and next_sightings.changed_in = balances.changed_in
        qualify
            row_number() over (
                partition by balances.contact_id, balances.changed_in
                order by
                    balances.balance desc nulls last,
                    case
                        when neighbours.ends_with is null and balances.stage = neighbours.stage_before
                        then 0
                        when balances.stage = neighbours.stage_after
                        then 1
                        when balances.stage = next_sightings.stage_seen
                        then 2
                        else 3
                    end asc nulls last,
                    balances.stage asc nulls last
            )
            = 1
    ),

    -- Whatever happens within a second is one change: a slip that is undone within it never took effect.
    told as (
        select
            ends.contact_id,
            ends.stage,
            max(case when changes.stage = ends.stage then changes.event_id end) as event_id,
            max(changes.occurred_at) as changed_at,
            max(changes.loaded_at) as loaded_at
        from ends
        inner join changes on changes.contact_id = ends.contact_id and changes.changed_in = ends.changed_in
        group by ends.contact_id, ends.changed_in, ends.stage
    ),

    unioned as (
        select contact_id, event_id as source_record_id, stage, changed_at, false as is_sighting, loaded_at
        from told
        union all
        select contact_id, contact_id as source_record_id, stage, seen_at as changed_at, true as is_sighting, loaded_at
        from sightings
    ),

    followed as (
        select
            *,
            lag(stage) over in_order as stage_before,
            lead(stage) over in_order as stage_after,
            lead(is_sighting) over in_order as is_sighting_after,
            lead(changed_at) over in_order as changed_after_at
        from unioned
        window
            in_order as (
                partition by contact_id
                order by
                    changed_at asc nulls last,
                    is_sighting asc nulls last,
                    loaded_at asc nulls last,
                    source_record_id asc nulls last
            )
    ),

    -- A sighting is a change if it differs from what was known, unless its event comes while contacts are being read.
    final as (
        select
            contact_id,
            source_record_id,
            stage as inbox_stage,
            case when is_sighting then 'seen in the inbox' else 'inbox' end as changed_by,
            changed_at,
            loaded_at
        from followed
        where
            not is_sighting
            or (
                stage <> coalesce(stage_before, '')
                and not coalesce(
                    not is_sighting_after
                    and stage_after = stage
                    and changed_after_at <= {{ dbt.dateadd("hour", 1, "changed_at") }},
                    false
                )
            )
    )

select *
from final
