with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "charges") }}
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
            {{ own_id("id") }} as charge_id,
            {{ own_id("customer") }} as customer_id,
            {{ own_id("payment_intent") }} as payment_intent_id,
            upper(currency) as currency,
            {{ major_units("amount", "currency") }} as charge_amount,
            {{ major_units("coalesce(amount_captured, amount)", "currency") }} as captured_amount,
            coalesce(billing_email, receipt_email) as email,
            billing_phone as phone,
            status as charge_status,
            failure_code,
            {{ utc_timestamp("created") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
