select
    coalesce(rfm_segment, 'no_segment') as segment,
    count(*) as customer_count,
    count(predicted_short_term_value_amount_reporting) as predicted_count,
    sum(predicted_short_term_purchase_value_amount_reporting) as purchases_amount_reporting,
    sum(predicted_short_term_subscription_value_amount_reporting) as renewals_amount_reporting,
    sum(predicted_short_term_value_amount_reporting) as expected_amount_reporting,
    sum(predicted_short_term_value_lower_amount_reporting) as lower_amount_reporting,
    sum(predicted_short_term_value_upper_amount_reporting) as upper_amount_reporting,
    any_value(predicted_short_term_days) as horizon_days,
    case
        when count(predicted_short_term_value_amount_reporting) = 0
        then any_value(predicted_short_term_value_hidden_reason)
    end as hidden_reason
from marts.customer_value
group by rfm_segment, rfm_segment_order
order by rfm_segment_order nulls last
