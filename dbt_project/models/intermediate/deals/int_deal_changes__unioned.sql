with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_history as (select * from {{ ref("stg_hubspot__deal_property_history") }}),
    deal_stages as (select * from {{ ref("stg_hubspot__deal_stages") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- What the portal says of its own stages, for those that the vocabulary does not name.
    portal_stages as (
        select
            stage_id,
            case
                when not is_closed then 'open' when win_rate = 1 then 'deal_won' when win_rate = 0 then 'deal_lost'
            end as meaning
        from deal_stages
        where is_closed is not null
        qualify row_number() over (partition by stage_id order by pipeline_id asc nulls last) = 1
    ),

    -- A stage that is set to what it already is, is no change.
    stage_changes as (
        select deal_id, property_value as stage_id, changed_at, loaded_at
        from deal_history
        where property_name = 'dealstage' and property_value <> ''
        qualify
            property_value is distinct from lag(property_value) over (
                partition by deal_id order by changed_at asc nulls last, property_value asc nulls last
            )
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

    -- A deal that was deleted in the CRM never was.
    unioned as (
        select
            'hubspot' as source_system,
            stage_changes.deal_id as source_record_id,
            stage_changes.stage_id,
            coalesce(stage_meanings.meaning, portal_stages.meaning) as meaning,
            deals.lost_reason as stated_lost_reason,
            stage_changes.changed_at,
            stage_changes.loaded_at
        from stage_changes
        inner join deals on deals.deal_id = stage_changes.deal_id
        left join
            vocabulary as stage_meanings
            on stage_meanings.source_system = 'hubspot'
            and stage_meanings.kind = 'deal_stage'
            and stage_meanings.value = stage_changes.stage_id
        left join portal_stages on portal_stages.stage_id = stage_changes.stage_id
        where not deals.is_archived
        union all
        select
            'files',
            deal_id,
            case when not is_decided then stage_id end,
            case when not is_decided then coalesce(open_meaning, 'open') else 'open' end,
            null,
            opened_at,
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
