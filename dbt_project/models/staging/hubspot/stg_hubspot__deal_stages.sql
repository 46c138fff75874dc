with
    source as (select * from {{ source("raw_hubspot", "deal_stages") }}),

    -- A stage that was deleted keeps what it meant: deals are still in it.
    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, pipeline_id, stage_id
                order by
                    case when _dlt_valid_to is null then 0 else 1 end asc nulls last,
                    _dlt_valid_from desc nulls last,
                    _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            pipeline_id,
            pipeline_label,
            stage_id,
            label as stage_label,
            display_order as stage_order,
            is_closed,
            probability::double as win_rate,
            case
                when not is_closed
                then 'open'
                when probability = 1
                then 'deal_won'
                when probability = 0
                then 'deal_lost'
            end as crm_meaning,
            _dlt_valid_to is not null as is_deleted
        from latest_versions
    )

select *
from renamed
