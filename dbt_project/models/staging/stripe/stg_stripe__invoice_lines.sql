with
    source as (select * from {{ source("raw_stripe", "invoice_lines") }}),

    -- An invoice without lines is one row with null, so that what was taken away is retired.
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
            {{ own_id("invoice") }} as invoice_id,
            {{ own_id("id") }} as invoice_line_id,
            {{ own_id("subscription") }} as subscription_id,
            {{ own_id("subscription_item") }} as item_id,
            {{ own_id("price") }} as price_id,
            upper(currency) as currency,
            {{ major_units("amount", "currency") }} as line_amount,
            quantity,
            coalesce(proration, false) as is_proration,
            {{ utc_timestamp("period_start") }} as period_started_at,
            {{ utc_timestamp("period_end") }} as period_ended_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
