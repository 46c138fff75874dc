select
    count(*) as value,
    nullif(count(*) filter (where first_purchased_at <= publication.as_of - interval 1 year), 0) as year_ago
from marts.customer_value
cross join marts.publication
where is_customer
