select sum(renewal_amount_reporting) as value, null as year_ago
from marts.renewals_due
where days_until_renewal <= 30 and not is_ending
