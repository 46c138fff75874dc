select
    'payment_failed' as activity,
    charge_id as source_record_id,
    customer_id,
    created_at as occurred_at,
    charge_amount as amount,
    currency,
    {{ json_attributes({"reason": "failure_code"}) }} as attributes,
    loaded_at
from {{ ref("stg_stripe__charges") }}
where charge_status = 'failed'
