with months as (select * from marts.first_response_times where breakdown = 'all' and month is not null)

select month, 'wall_clock' as measure, wait_count, median_seconds / 3600 as hours, p90_seconds / 3600 as p90_hours
from months
union all
select
    month,
    'business_hours' as measure,
    wait_count,
    median_business_seconds / 3600 as hours,
    p90_business_seconds / 3600 as p90_hours
from months
order by measure desc, month
