select
    case when is_ending then 'ending' when has_payment_problem then 'payment_problem' else 'will_renew' end as outlook,
    count(*) as subscription_count,
    sum(renewal_amount_reporting) as renewal_amount_reporting
from marts.renewals_due
group by all
order by subscription_count desc
