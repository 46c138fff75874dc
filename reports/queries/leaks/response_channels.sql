select
    channel, wait_count, answered_rate, median_seconds / 3600 as hours, median_business_seconds / 3600 as business_hours
from marts.first_response_times
where breakdown = 'channel' and month is null
order by wait_count desc, channel
