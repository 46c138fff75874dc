select
    replace(experiment, '_', ' ') || ', ' || replace(arm, '_', ' ') || ': ' || replace(metric, '_', ' ') as comparison,
    person_count,
    control_person_count,
    relative_difference_ratio,
    relative_difference_ratio_lower,
    relative_difference_ratio_upper,
    is_significant,
    hidden_reason
from marts.experiment_results
order by comparison
