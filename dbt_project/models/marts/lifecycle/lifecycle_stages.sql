with
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),

    final as (
        select
            lifecycle_model,
            lifecycle_model_label_en,
            lifecycle_model_label_fr,
            stage,
            stage_label_en,
            stage_label_fr,
            stage_order,
            stage_kind
        from stages
    )

select *
from final
