-- The sum says something only where most customers have a prediction.
select
    case
        when 2 * count(predicted_short_term_value_amount_reporting) >= count(*)
        then sum(predicted_short_term_value_amount_reporting)
    end as value,
    null as year_ago,
    mode(predicted_short_term_value_hidden_reason) as hidden_reason
from marts.customer_value
