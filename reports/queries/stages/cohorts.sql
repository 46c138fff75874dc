select
    lifecycle_model,
    cohort_month,
    stage_label_en,
    stage_label_fr,
    is_mature,
    cohort_size,
    case when is_mature then reached_in_window_count else reached_count end as reached_count,
    case when is_mature then conversion_rate_in_window else conversion_rate end as reached_rate
from marts.lifecycle_funnel
where breakdown = 'all' and step_number > 1
order by lifecycle_model, step_number, cohort_month
