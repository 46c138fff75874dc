select
    coalesce(campaign_name, case campaign_id when 'none' then 'no_campaign' else campaign_id end) as campaign,
    sum(spend_amount_reporting) as spend_amount_reporting,
    sum(person_count) as person_count,
    sum(customer_count) as customer_count,
    nullif(sum(spend_amount_reporting), 0) / nullif(sum(customer_count), 0) as cost_per_customer,
    sum(revenue_amount_reporting) as revenue_amount_reporting,
    sum(revenue_amount_reporting) / nullif(sum(spend_amount_reporting), 0) as revenue_to_spend
from marts.campaign_performance
group by campaign
order by sum(spend_amount_reporting) desc nulls last, campaign
limit 25
