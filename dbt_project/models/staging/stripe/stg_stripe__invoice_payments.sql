with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "invoice_payments") }}
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
            {{ own_id("id") }} as invoice_payment_id,
            {{ own_id("invoice") }} as invoice_id,
            status as payment_status,
            {{ own_id("payment_intent") }} as payment_intent_id,
            {{ own_id("charge") }} as charge_id,
            {{ utc_timestamp("paid_at") }} as paid_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
