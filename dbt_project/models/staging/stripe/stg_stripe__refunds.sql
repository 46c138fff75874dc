with
    source as (
        select
            *,
            min(_dlt_load_id) over (partition by source_account, id) as first_load_id,
            min(failed_at) over (partition by source_account, id) as first_failed_at
        from {{ source("raw_stripe", "refunds") }}
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
            {{ own_id("id") }} as refund_id,
            {{ own_id("charge") }} as charge_id,
            {{ own_id("payment_intent") }} as payment_intent_id,
            upper(currency) as currency,
            {{ major_units("amount", "currency") }} as refund_amount,
            status as refund_status,
            case when status = 'failed' then {{ utc_timestamp("first_failed_at") }} end as failed_at,
            {{ utc_timestamp("created") }} as refunded_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
