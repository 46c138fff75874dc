select
    lifecycle_model,
    stage_label_en,
    stage_label_fr,
    sum(cohort_size) as cohort_size,
    sum(reached_in_window_count) as reached_count,
    sum(reached_in_window_count) / nullif(sum(cohort_size), 0) as reached_rate
from marts.lifecycle_funnel
where breakdown = 'all' and is_mature
group by lifecycle_model, stage_label_en, stage_label_fr, step_number
order by lifecycle_model, step_number
