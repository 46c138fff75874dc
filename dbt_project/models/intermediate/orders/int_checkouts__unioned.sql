with
    shop_checkouts as (select * from {{ ref("stg_shopify__abandoned_checkouts") }}),

    keyed as (
        select
            'shopify' as source_system,
            checkout_id as source_record_id,
            case
                when customer_id is not null
                then {{ record_key("'shopify'", "'customer'", "customer_id") }}
                when email is not null or phone is not null
                then {{ record_key("'shopify'", "'guest_checkout'", "checkout_id") }}
            end as record_key,
            currency,
            checkout_amount,
            started_at,
            loaded_at
        from shop_checkouts
    )

select *
from keyed
