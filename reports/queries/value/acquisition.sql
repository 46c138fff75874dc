select
    acquisition_channel,
    sum(spend_amount_reporting) as spend_amount_reporting,
    sum(customer_count) as customer_count,
    nullif(sum(spend_amount_reporting), 0) / nullif(sum(customer_count), 0) as cost_per_customer
from marts.acquisition_payback
where breakdown = 'channel'
group by acquisition_channel
order by sum(customer_count) desc, acquisition_channel
