-- Invoices without a subscription are left out: they are payments, and may pay for an order of another system.
select
    invoice_id,
    subscription_id,
    customer_id,
    billing_reason = 'subscription_cycle' as is_of_a_new_period,
    currency,
    total_amount,
    revenue_amount,
    invoice_status = 'paid' as is_paid,
    case when invoice_status = 'paid' then paid_at end as paid_at,
    loaded_at
from {{ ref("stg_stripe__invoices") }}
where subscription_id is not null
