select source_account, checkout_id, customer_id, email, phone, currency, checkout_amount, started_at, loaded_at
from {{ ref("stg_shopify__abandoned_checkouts") }}
