with
    source as (select * from {{ source("raw_stripe", "subscription_items") }}),

    -- A subscription without items is one row with null, so that what was taken away is retired.
    current_versions as (
        select *
        from source
        where _dlt_valid_to is null and id is not null
        qualify
            row_number() over (
                partition by source_account, id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
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
            {{ utc_timestamp("created") }} as created_at,
            {{ utc_timestamp("current_period_start") }} as current_period_started_at,
            {{ utc_timestamp("current_period_end") }} as current_period_ends_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
