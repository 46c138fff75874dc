with
    source as (select * from {{ source("raw_hubspot", "deal_stages") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by pipeline_id, stage_id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            pipeline_id,
            pipeline_label,
            stage_id,
            label as stage_label,
            display_order as stage_order,
            is_closed,
            probability::double as win_rate
        from current_versions
    )

select *
from renamed
