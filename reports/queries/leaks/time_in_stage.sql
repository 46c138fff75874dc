select
    lifecycle_model,
    stage_label_en,
    stage_label_fr,
    episode_count,
    open_count,
    first_quartile_days,
    median_days,
    third_quartile_days
from marts.lifecycle_time_in_stage
where episode_count > 0 and stage_kind = 'active'
order by lifecycle_model, stage_order
