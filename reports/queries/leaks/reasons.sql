select lifecycle_model, lost_reason, sum(lost_count) as lost_count
from marts.lifecycle_drop_off
where month > (select date_trunc('month', max(date_day)) - interval 1 year from marts.calendar_days)
group by lifecycle_model, lost_reason
order by lifecycle_model, sum(lost_count) desc, lost_reason
