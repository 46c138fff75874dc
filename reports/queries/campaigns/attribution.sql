select
    conversion_kind,
    attribution_model,
    coalesce(campaign_name, breakdown_value) as breakdown_value,
    conversion_count,
    credited_conversion_count,
    credited_conversion_count_lower,
    credited_conversion_count_upper,
    value_amount_reporting,
    hidden_reason
from marts.attribution_comparison
order by
    conversion_kind,
    max(credited_conversion_count) over (partition by conversion_kind, breakdown_value) desc nulls last,
    breakdown_value,
    list_position(
        ['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay', 'markov', 'shapley'], attribution_model
    )
