select
    count(*) as value,
    nullif(count(*) filter (where first_touched_at <= publication.as_of - interval 1 year), 0) as year_ago
from marts.customer_360
cross join marts.publication
