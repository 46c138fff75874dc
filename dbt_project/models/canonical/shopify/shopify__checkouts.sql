select * from {{ ref("stg_shopify__abandoned_checkouts") }}
