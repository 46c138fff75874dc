with
    deal_stages as (select * from {{ ref("stg_hubspot__deal_stages") }}),

    final as (
        select source_account, pipeline_id, stage_id, stage_label, crm_meaning as meaning, is_deleted from deal_stages
    )

select *
from final
