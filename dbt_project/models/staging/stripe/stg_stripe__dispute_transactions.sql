with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, dispute) as first_load_id
        from {{ source("raw_stripe", "dispute_transactions") }}
    ),

    -- A dispute that moved nothing yet is one row with null.
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
            {{ own_id("id") }} as dispute_transaction_id,
            {{ own_id("dispute") }} as dispute_id,
            {{ own_id("charge") }} as charge_id,
            {{ own_id("payment_intent") }} as payment_intent_id,
            upper(currency) as currency,
            -- The balance may be kept in another currency than the charge: there the whole dispute moved.
            case
                when upper(moved_currency) = upper(currency)
                then {{ major_units("moved_amount", "moved_currency") }}
                else {{ major_units("case when moved_amount < 0 then -amount else amount end", "currency") }}
            end as moved_amount,
            upper(moved_currency) as fee_currency,
            {{ major_units("coalesce(moved_fee, 0)", "moved_currency") }} as fee_amount,
            {{ utc_timestamp("moved_at") }} as moved_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
