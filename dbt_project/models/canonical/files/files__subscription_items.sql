-- A file states what a whole subscription brings in: one item at list price.
select subscription_id, subscription_id as item_id, created_at as changed_at, mrr_amount as list_mrr_amount, mrr_amount
from {{ ref("files__subscriptions") }}
where created_at is not null
