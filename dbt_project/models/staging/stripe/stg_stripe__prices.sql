with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "prices") }}
    ),

    -- Stripe's objects carry no instant of change: the version seen last is the current one.
    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id order by _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as price_id,
            {{ own_id("product") }} as product_id,
            upper(currency) as currency,
            {{ major_units("unit_amount_decimal", "currency") }} as unit_amount,
            coalesce(billing_scheme, 'per_unit') = 'tiered' as is_tiered,
            coalesce(tiers_mode, 'graduated') = 'volume' as is_priced_by_volume,
            transform_divide_by as package_size,
            coalesce(transform_round, 'up') = 'up' as is_package_begun_whole,
            recurring_interval,
            coalesce(recurring_interval_count, 1) as recurring_interval_count,
            coalesce(recurring_usage_type, 'licensed') = 'metered' as is_metered,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
