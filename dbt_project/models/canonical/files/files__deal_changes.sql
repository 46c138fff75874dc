with
    deals as (select * from {{ ref("stg_files__deals") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    stages as (
        select lower(value) as stage_id, min(meaning) as meaning
        from vocabulary
        where source_system = 'files' and kind = 'deal_stage'
        group by lower(value)
    ),

    -- A file says how a deal stands: won or lost as it states or, if it states nothing, as its stage means. The close
    -- date of an open deal is a plan. A decided deal without a close date was decided when it was opened: no other day
    -- is known.
    read_deals as (
        select
            deals.deal_id,
            deals.stage_id,
            coalesce(
                deals.is_won, case stages.meaning when 'deal_won' then true when 'deal_lost' then false end
            ) as is_won,
            case when stages.meaning not in ('deal_won', 'deal_lost') then stages.meaning end as open_meaning,
            deals.lost_reason,
            least(deals.created_at, coalesce(deals.closed_at, deals.created_at)) as first_dated_at,
            deals.created_at,
            deals.closed_at,
            deals.loaded_at
        from deals
        left join stages on stages.stage_id = lower(deals.stage_id)
    ),

    told_deals as (
        select
            *,
            is_won is not null and coalesce(closed_at, created_at) <= {{ as_of() }} as is_decided,
            -- A deal that was written down after it was decided had been opened by then.
            case when is_won is not null then first_dated_at else created_at end as opened_at,
            coalesce(closed_at, created_at) as decided_at
        from read_deals
    ),

    unioned as (
        select
            deal_id,
            case when not is_decided then stage_id end as stage_id,
            case when not is_decided then coalesce(open_meaning, 'open') else 'open' end as meaning,
            cast(null as {{ dbt.type_string() }}) as lost_reason,
            opened_at as changed_at,
            not is_decided as is_current,
            loaded_at
        from told_deals
        union all
        select
            deal_id,
            stage_id,
            case when is_won then 'deal_won' else 'deal_lost' end as meaning,
            lost_reason,
            decided_at as changed_at,
            true as is_current,
            loaded_at
        from told_deals
        where is_decided
    ),

    final as (
        select
            unioned.deal_id,
            unioned.stage_id,
            unioned.meaning,
            case
                when unioned.meaning = 'deal_lost' then coalesce(reason_meanings.reason, unioned.lost_reason, 'other')
            end as lost_reason,
            unioned.changed_at,
            unioned.is_current,
            unioned.loaded_at
        from unioned
        left join
            vocabulary as reason_meanings
            on reason_meanings.source_system = 'files'
            and reason_meanings.kind = 'lost_reason'
            and reason_meanings.value = unioned.lost_reason
    )

select *
from final
