select
    cohort_month as month,
    case platform when 'none' then 'no_campaign' else platform end as platform,
    sum(person_count) as person_count,
    sum(customer_count) as customer_count,
    sum(spend_amount_reporting) as spend_amount_reporting
from marts.campaign_performance
where platform <> 'none'
group by all
order by platform, month
