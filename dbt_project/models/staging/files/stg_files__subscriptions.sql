with
    source as (select * from {{ source("raw_files", "subscriptions") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify {{ once_a_company(["subscription_id"], ["started_at", "trial_ended_at", "cancelled_at", "ended_at"]) }}
    ),

    renamed as (
        select
            {{ file_id("subscription_id") }} as subscription_id,
            {{ file_reference("customer_id") }} as customer_id,
            email,
            plan,
            upper(currency) as currency,
            {{ money("mrr_amount") }} as mrr_amount,
            billing_months,
            {{ utc_timestamp("recorded_at") }} as recorded_at,
            {{ utc_timestamp("trial_started_at") }} as trial_started_at,
            {{ utc_timestamp("trial_ended_at") }} as trial_ended_at,
            {{ utc_timestamp("started_at") }} as started_at,
            {{ utc_timestamp("cancelled_at") }} as cancelled_at,
            {{ utc_timestamp("ended_at") }} as ended_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
