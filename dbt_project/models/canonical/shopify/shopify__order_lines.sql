select * from {{ ref("stg_shopify__order_lines") }}
