select
    lifecycle_model,
    first_response_bucket,
    sum(entered_count) as entered_count,
    sum(lost_count) as lost_count,
    sum(lost_count) / nullif(sum(entered_count), 0) as loss_rate
from marts.lifecycle_drop_off_rates
where first_response_bucket <> 'none_needed'
group by lifecycle_model, first_response_bucket, first_response_bucket_order
order by lifecycle_model, first_response_bucket_order
