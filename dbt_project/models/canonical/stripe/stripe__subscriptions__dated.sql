with
    subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    invoices as (select * from {{ ref("stripe__subscription_invoices") }}),

    payments as (
        select
            subscription_id,
            min(case when revenue_amount > 0 then paid_at end) as first_paid_at,
            count(case when total_amount > 0 then 1 end) as priced_invoice_count
        from invoices
        group by subscription_id
    ),

    -- Free weeks for someone who already pays are not a trial, though the system calls them one.
    paid as (
        select
            subscriptions.*,
            payments.first_paid_at,
            coalesce(payments.priced_invoice_count, 0) as priced_invoice_count,
            coalesce(subscriptions.trial_started_at > payments.first_paid_at, false) as is_trial_of_a_payer
        from subscriptions
        left join payments on payments.subscription_id = subscriptions.subscription_id
    ),

    dated as (
        select
            *,
            case when not is_trial_of_a_payer then trial_started_at end as own_trial_started_at,
            case when not is_trial_of_a_payer then trial_ended_at end as own_trial_ended_at,
            coalesce(case when not is_trial_of_a_payer then trial_ended_at end, start_at) as paying_from_at,
            coalesce(created_at, start_at) as recorded_at
        from paid
    ),

    final as (
        select
            source_account,
            subscription_id,
            customer_id,
            currency,
            paying_from_at,
            recorded_at,
            least(greatest(start_at, recorded_at), coalesce(first_paid_at, recorded_at, start_at)) as created_at,
            own_trial_started_at as trial_started_at,
            own_trial_ended_at as trial_ended_at,
            -- A billed subscription begins with its first payment, one that costs nothing (a full discount) on its
            -- first day.
            case
                when first_paid_at is not null
                then first_paid_at
                when
                    priced_invoice_count = 0
                    and paying_from_at <= {{ as_of() }}
                    and subscription_status not in ('incomplete', 'incomplete_expired')
                    and (ended_at is null or ended_at > paying_from_at)
                then greatest(paying_from_at, recorded_at)
            end as started_at,
            cancelled_at,
            ended_at,
            cancellation_reason,
            subscription_status = 'incomplete_expired' as has_never_begun,
            loaded_at
        from dated
    )

select *
from final
