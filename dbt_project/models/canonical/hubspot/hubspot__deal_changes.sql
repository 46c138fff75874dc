with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_history as (select * from {{ ref("stg_hubspot__deal_property_history") }}),
    deal_stages as (select * from {{ ref("stg_hubspot__deal_stages") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- Deleted deals never existed.
    live_deals as (select * from deals where not is_archived),

    -- Each portal has its own stages, with ids that another one may have too.
    portal_stages as (
        select source_account, stage_id, crm_meaning
        from deal_stages
        qualify
            row_number() over (
                partition by source_account, stage_id
                order by case when is_deleted then 1 else 0 end asc nulls last, pipeline_id asc nulls last
            )
            = 1
    ),

    stated_stages as (select * from vocabulary where source_system = 'hubspot' and kind = 'deal_stage'),

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

    -- Setting a stage to what it already is does not change it.
    stage_changes as (
        select *
        from stage_history
        qualify stage_id is distinct from lead(stage_id) over (partition by deal_id order by place asc nulls last)
    ),

    latest_stages as (select * from stage_history where place = 1),

    -- The deal itself decides where it is now. If its history ends elsewhere, it came there after that.
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

    -- The portal says whether a stage ends a deal; the vocabulary says what a stage on the way stands for.
    crm_changes as (
        select
            moves.*,
            live_deals.lost_reason,
            live_deals.is_closed,
            live_deals.is_won,
            case
                when portal_stages.crm_meaning = 'open' and stated_stages.meaning in ('deal_won', 'deal_lost')
                then 'open'
                when portal_stages.crm_meaning in ('deal_won', 'deal_lost')
                then portal_stages.crm_meaning
                else coalesce(stated_stages.meaning, portal_stages.crm_meaning)
            end as stage_meaning,
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
        left join
            portal_stages
            on portal_stages.source_account is not distinct from live_deals.source_account
            and portal_stages.stage_id = moves.stage_id
        left join stated_stages on stated_stages.value = moves.stage_id
    ),

    -- The deal itself says how it stands now, whatever became of its stage.
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
