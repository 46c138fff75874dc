with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_history as (select * from {{ ref("stg_hubspot__deal_property_history") }}),
    deal_stages as (select * from {{ ref("stg_hubspot__deal_stages") }}),
    merges as (select * from {{ ref("int_crm_merges__followed") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- Deals that were merged into another one, or deleted, never were.
    live_deals as (
        select deals.*
        from deals
        left join merges on merges.record_type = 'deal' and merges.merged_id = deals.deal_id
        where not deals.is_archived and merges.merged_id is null
    ),

    portal_stages as (
        select stage_id, crm_meaning
        from deal_stages
        qualify
            row_number() over (
                partition by stage_id
                order by case when is_deleted then 1 else 0 end asc nulls last, pipeline_id asc nulls last
            )
            = 1
    ),

    -- Whether a stage ends a deal is said by the portal; what a stage on the way stands for, by the vocabulary.
    stage_meanings as (
        select
            coalesce(portal_stages.stage_id, stated.value) as stage_id,
            case
                when portal_stages.crm_meaning = 'open' and stated.meaning in ('deal_won', 'deal_lost')
                then 'open'
                when portal_stages.crm_meaning in ('deal_won', 'deal_lost')
                then portal_stages.crm_meaning
                else coalesce(stated.meaning, portal_stages.crm_meaning)
            end as meaning
        from portal_stages
        full outer join
            (select * from vocabulary where source_system = 'hubspot' and kind = 'deal_stage') as stated
            on stated.value = portal_stages.stage_id
    ),

    -- Newest first; of two at one instant the one that the deal is in is the newer one.
    stage_history as (
        select
            deal_history.deal_id,
            deal_history.property_value as stage_id,
            deal_history.changed_at,
            deal_history.loaded_at,
            row_number() over (
                partition by deal_history.deal_id
                order by
                    deal_history.changed_at desc nulls last,
                    case when deal_history.property_value = live_deals.stage_id then 0 else 1 end asc nulls last,
                    deal_history.property_value desc nulls last
            ) as place
        from deal_history
        inner join live_deals on live_deals.deal_id = deal_history.deal_id
        where deal_history.property_name = 'dealstage' and deal_history.property_value <> ''
    ),

    -- A stage that is set to what it already is, is no change.
    stage_changes as (
        select *
        from stage_history
        qualify stage_id is distinct from lead(stage_id) over (partition by deal_id order by place asc nulls last)
    ),

    latest_stages as (select * from stage_history where place = 1),

    -- The deal itself decides where it is now. Where its history ends elsewhere, it came there after that.
    moves as (
        select stage_changes.deal_id, stage_changes.stage_id, stage_changes.changed_at, stage_changes.loaded_at
        from stage_changes
        union all
        select
            live_deals.deal_id,
            live_deals.stage_id,
            greatest(
                live_deals.stage_seen_at,
                coalesce(latest_stages.changed_at + interval 1 second, live_deals.stage_seen_at)
            ),
            live_deals.stage_loaded_at
        from live_deals
        left join latest_stages on latest_stages.deal_id = live_deals.deal_id
        where live_deals.stage_id <> '' and live_deals.stage_id is distinct from latest_stages.stage_id
    ),

    crm_changes as (
        select
            moves.*,
            live_deals.lost_reason,
            live_deals.is_closed,
            live_deals.is_won,
            stage_meanings.meaning as stage_meaning,
            row_number() over (
                partition by moves.deal_id
                order by
                    moves.changed_at desc nulls last,
                    case when moves.stage_id = live_deals.stage_id then 0 else 1 end asc nulls last,
                    moves.stage_id desc nulls last
            )
            = 1 as is_current
        from moves
        inner join live_deals on live_deals.deal_id = moves.deal_id
        left join stage_meanings on stage_meanings.stage_id = moves.stage_id
    ),

    file_stages as (
        select lower(value) as stage_id, min(meaning) as meaning
        from vocabulary
        where source_system = 'files' and kind = 'deal_stage'
        group by lower(value)
    ),

    -- A file says how a deal stands: won or lost as it states or, where it does not, as its stage means. The close
    -- date of an open deal is a plan. A decided deal without one was decided when it was opened: no other day is
    -- known.
    read_deals as (
        select
            file_deals.deal_id,
            file_deals.stage_id,
            coalesce(
                file_deals.is_won, case file_stages.meaning when 'deal_won' then true when 'deal_lost' then false end
            ) as is_won,
            case when file_stages.meaning not in ('deal_won', 'deal_lost') then file_stages.meaning end as open_meaning,
            file_deals.lost_reason,
            least(file_deals.created_at, coalesce(file_deals.closed_at, file_deals.created_at)) as first_dated_at,
            file_deals.created_at,
            file_deals.closed_at,
            file_deals.loaded_at
        from file_deals
        left join file_stages on file_stages.stage_id = lower(file_deals.stage_id)
    ),

    told_deals as (
        select
            *,
            is_won is not null and coalesce(closed_at, created_at) <= {{ as_of() }} as is_decided,
            -- A deal that was written down after it was decided, had been opened by then.
            case when is_won is not null then first_dated_at else created_at end as opened_at,
            coalesce(closed_at, created_at) as decided_at
        from read_deals
    ),

    unioned as (
        select
            'hubspot' as source_system,
            deal_id as source_record_id,
            stage_id,
            -- How the deal stands now it says itself, whatever became of its stage.
            case
                when is_current and is_won
                then 'deal_won'
                when is_current and is_closed and not is_won
                then 'deal_lost'
                when is_current and not is_closed and stage_meaning in ('deal_won', 'deal_lost')
                then 'open'
                else stage_meaning
            end as meaning,
            lost_reason as stated_lost_reason,
            changed_at,
            is_current,
            loaded_at
        from crm_changes
        union all
        select
            'files',
            deal_id,
            case when not is_decided then stage_id end,
            case when not is_decided then coalesce(open_meaning, 'open') else 'open' end,
            null,
            opened_at,
            not is_decided,
            loaded_at
        from told_deals
        union all
        select
            'files',
            deal_id,
            stage_id,
            case when is_won then 'deal_won' else 'deal_lost' end,
            lost_reason,
            decided_at,
            true,
            loaded_at
        from told_deals
        where is_decided
    ),

    final as (
        select
            unioned.source_system || ':' || unioned.source_record_id as deal_id,
            unioned.source_system,
            unioned.source_record_id,
            unioned.stage_id,
            unioned.meaning,
            case
                when unioned.meaning = 'deal_lost'
                then
                    coalesce(
                        reason_meanings.reason,
                        case when unioned.source_system = 'files' then unioned.stated_lost_reason end,
                        'other'
                    )
            end as lost_reason,
            unioned.changed_at,
            unioned.is_current,
            unioned.loaded_at
        from unioned
        left join
            vocabulary as reason_meanings
            on reason_meanings.source_system = unioned.source_system
            and reason_meanings.kind = 'lost_reason'
            and reason_meanings.value = unioned.stated_lost_reason
        where unioned.changed_at <= {{ as_of() }}
    )

select *
from final
