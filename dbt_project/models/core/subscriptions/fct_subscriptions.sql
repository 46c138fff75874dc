with
    subscriptions as (select * from {{ ref("int_subscriptions__unioned") }}),
    periods as (select * from {{ ref("int_subscription_periods__delimited") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),

    known as (
        select
            *,
            case when trial_started_at <= {{ as_of() }} then trial_started_at end as known_trial_started_at,
            case when started_at <= {{ as_of() }} then started_at end as known_started_at,
            case when cancelled_at <= {{ as_of() }} then cancelled_at end as known_cancelled_at,
            case when ended_at <= {{ as_of() }} then ended_at end as known_ended_at
        from subscriptions
        where created_at <= {{ as_of() }}
    ),

    last_periods as (select * from periods where ended_at is null),

    renewing as (
        select
            known.subscription_id,
            known.paying_from_at,
            known.billing_months,
            floor({{ dbt.datediff("known.paying_from_at", as_of(), "month") }} / nullif(known.billing_months, 0))::int
            as renewal_count
        from known
        inner join last_periods on last_periods.subscription_id = known.subscription_id
        where
            last_periods.status in ('active', 'past_due', 'unpaid')
            and known.known_ended_at is null
            and known.paying_from_at <= {{ as_of() }}
    ),

    -- The months between two instants count the firsts in between, so that this renewal may be past by some days.
    renewals as (
        select
            subscription_id,
            {{ dbt.dateadd("month", "renewal_count * billing_months", "paying_from_at") }} as this_renewal_at,
            {{ dbt.dateadd("month", "(renewal_count + 1) * billing_months", "paying_from_at") }} as next_renewal_at
        from renewing
    ),

    final as (
        select
            known.subscription_id,
            known.source_system,
            person_records.person_id,
            coalesce(person_records.person_id, 'subscription:' || known.subscription_id) as subscriber_id,
            known.plan,
            case when known.known_ended_at is not null then 'ended' else last_periods.status end as status,
            known.currency,
            coalesce(last_periods.mrr_amount, {{ money("0") }}) as mrr_amount,
            coalesce(last_periods.list_mrr_amount, {{ money("0") }}) as list_mrr_amount,
            exchange_rates.rate_to_reporting,
            {{
                converted(
                    "coalesce(last_periods.mrr_amount, 0)",
                    "exchange_rates.rate_to_reporting::double",
                )
            }} as mrr_amount_reporting,
            known.unpriced_item_count,
            known.billing_months,
            known.paying_from_at,
            case
                when renewals.this_renewal_at > {{ as_of() }}
                then renewals.this_renewal_at
                else renewals.next_renewal_at
            end as renews_at,
            known.recorded_at,
            known.created_at,
            known.known_trial_started_at as trial_started_at,
            case when known.known_trial_started_at is not null then known.trial_ended_at end as trial_ended_at,
            known.known_started_at as started_at,
            known.known_cancelled_at as cancelled_at,
            known.known_ended_at as ended_at,
            case when known.known_cancelled_at is not null then known.cancellation_reason end as cancellation_reason,
            known.loaded_at
        from known
        left join person_records on person_records.record_key = known.record_key
        left join last_periods on last_periods.subscription_id = known.subscription_id
        left join renewals on renewals.subscription_id = known.subscription_id
        -- One rate for all of its life, so that a currency's movement is not expansion.
        left join
            exchange_rates
            on exchange_rates.currency = known.currency
            and exchange_rates.date_day = cast(coalesce(known.known_started_at, known.created_at) as date)
    )

select *
from final
