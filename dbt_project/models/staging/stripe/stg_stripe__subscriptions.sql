with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_stripe", "subscriptions") }}
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
            {{ own_id("id") }} as subscription_id,
            {{ own_id("customer") }} as customer_id,
            status as subscription_status,
            upper(currency) as currency,
            {{ utc_timestamp("created") }} as created_at,
            {{ utc_timestamp("start_date") }} as start_at,
            {{ utc_timestamp("trial_start") }} as trial_started_at,
            {{ utc_timestamp("trial_end") }} as trial_ended_at,
            coalesce(cancel_at_period_end, false) as is_cancelled_at_period_end,
            {{ utc_timestamp("canceled_at") }} as cancelled_at,
            {{ utc_timestamp("ended_at") }} as ended_at,
            pause_collection_behavior is not null as is_collection_paused,
            cancellation_reason,
            cancellation_feedback,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
