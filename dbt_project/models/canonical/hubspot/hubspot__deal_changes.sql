with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_history as (select * from {{ ref("stg_hubspot__deal_property_history") }}),
    deal_stages as (select * from {{ ref("stg_hubspot__deal_stages") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- Deals that were deleted never were.
    live_deals as (select * from deals where not is_archived),

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
            ) as changed_at,
            live_deals.stage_loaded_at as loaded_at
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

    -- How the deal stands now it says itself, whatever became of its stage.
    read_changes as (
        select
            *,
            case
                when is_current and is_won
                then 'deal_won'
                when is_current and is_closed and not is_won
                then 'deal_lost'
                when is_current and not is_closed and stage_meaning in ('deal_won', 'deal_lost')
                then 'open'
                else stage_meaning
            end as meaning
        from crm_changes
    ),

    final as (
        select
            read_changes.deal_id,
            read_changes.stage_id,
            read_changes.meaning,
            case
                when read_changes.meaning = 'deal_lost' then coalesce(reason_meanings.reason, 'other')
            end as lost_reason,
            read_changes.changed_at,
            read_changes.is_current,
            read_changes.loaded_at
        from read_changes
        left join
            vocabulary as reason_meanings
            on reason_meanings.source_system = 'hubspot'
            and reason_meanings.kind = 'lost_reason'
            and reason_meanings.value = read_changes.lost_reason
    )

select *
from final
