with
    source as (select * from {{ source("raw_stripe", "subscription_event_items") }}),

    renamed as (
        select
            {{ own_id("event") }} as event_id,
            is_previous,
            {{ own_id("subscription") }} as subscription_id,
            {{ own_id("id") }} as item_id,
            {{ own_id("price") }} as price_id,
            {{ own_id("product") }} as product_id,
            upper(currency) as currency,
            {{ major_units("unit_amount_decimal", "currency") }} as unit_amount,
            coalesce(billing_scheme, 'per_unit') = 'tiered' as is_tiered,
            transform_divide_by as package_size,
            coalesce(transform_round, 'up') = 'up' as is_package_begun_whole,
            recurring_interval,
            coalesce(recurring_interval_count, 1) as recurring_interval_count,
            coalesce(recurring_usage_type, 'licensed') = 'metered' as is_metered,
            coalesce(quantity, 1) as quantity,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
