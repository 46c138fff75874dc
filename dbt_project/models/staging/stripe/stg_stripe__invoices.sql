with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "invoices") }}
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
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as invoice_id,
            {{ own_id("customer") }} as customer_id,
            {{ own_id("subscription") }} as subscription_id,
            status as invoice_status,
            billing_reason,
            upper(currency) as currency,
            {{ major_units("total", "currency") }} as total_amount,
            {{ major_units("coalesce(total_excluding_tax, total)", "currency") }} as revenue_amount,
            {{ utc_timestamp("created") }} as created_at,
            {{ utc_timestamp("paid_at") }} as paid_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
        where not deleted
    )

select *
from renamed
