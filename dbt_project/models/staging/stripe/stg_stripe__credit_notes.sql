with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "credit_notes") }}
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

    -- What its refunds paid back, they tell themselves.
    with_credit as (
        select
            *,
            greatest(
                coalesce(pre_payment_amount, 0) + coalesce(post_payment_amount, 0) - coalesce(refunded_amount, 0), 0
            ) as credited
        from latest_versions
    ),

    renamed as (
        select
            {{ own_id("id") }} as credit_note_id,
            {{ own_id("invoice") }} as invoice_id,
            status as credit_note_status,
            upper(currency) as currency,
            -- What its refunds paid back is stated by the refunds themselves.
            {{ major_units("credited", "currency") }} as credited_amount,
            {{ utc_timestamp("created") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from with_credit
    )

select *
from renamed
