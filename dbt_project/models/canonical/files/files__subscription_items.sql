-- A file states what a subscription brings as a whole: one item at list price.
select subscription_id, subscription_id as item_id, created_at as changed_at, mrr_amount as list_mrr_amount, mrr_amount
from {{ ref("files__subscriptions") }}
where created_at is not null
