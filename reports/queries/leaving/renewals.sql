select
    date_trunc('week', renews_on)::date as week,
    count(*) as subscription_count,
    sum(renewal_amount_reporting) as renewal_amount_reporting
from marts.renewals_due
group by all
order by week
