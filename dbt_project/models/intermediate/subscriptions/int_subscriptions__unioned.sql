with
    subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    items as (select * from {{ ref("stg_stripe__subscription_items") }}),
    amounts as (select * from {{ ref("int_price_amounts__computed") }}),
    products as (select * from {{ ref("stg_stripe__products") }}),
    invoices as (select * from {{ ref("int_subscription_invoices__unioned") }}),
    file_subscriptions as (select * from {{ ref("stg_files__subscriptions") }}),

    priced_items as (
        select
            items.subscription_id,
            coalesce(products.product_name, items.product_id) as plan,
            coalesce(amounts.mrr_amount, {{ money("0") }}) as mrr_amount,
            coalesce(amounts.is_unpriced, true) as is_unpriced,
            case
                items.recurring_interval
                when 'month'
                then items.recurring_interval_count
                when 'year'
                then items.recurring_interval_count * 12
            end as billing_months
        from items
        left join products on products.product_id = items.product_id
        left join subscriptions on subscriptions.subscription_id = items.subscription_id
        left join
            amounts
            on amounts.price_id = items.price_id
            and amounts.currency = coalesce(subscriptions.currency, items.currency)
            and amounts.quantity = items.quantity
    ),

    contents as (
        select
            subscription_id,
            sum(mrr_amount) as mrr_amount,
            count(case when is_unpriced then 1 end) as unpriced_item_count,
            max(billing_months) as billing_months
        from priced_items
        group by subscription_id
    ),

    plans as (
        select subscription_id, {{ sorted_list("plan") }} as plan
        from (select distinct subscription_id, plan from priced_items) as distinct_plans
        group by subscription_id
    ),

    payments as (
        select
            subscription_id,
            min(case when payment_number = 1 then paid_at end) as first_paid_at,
            count(case when total_amount > 0 then 1 end) as priced_invoice_count
        from invoices
        group by subscription_id
    ),

    -- Weeks given for free to someone who pays already are no trial, though the system calls them one.
    paid as (
        select
            subscriptions.*,
            payments.first_paid_at,
            coalesce(payments.priced_invoice_count, 0) as priced_invoice_count,
            coalesce(subscriptions.trial_started_at > payments.first_paid_at, false) as is_trial_of_a_payer
        from subscriptions
        left join payments on payments.subscription_id = 'stripe:' || subscriptions.subscription_id
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

    file_trials as (
        select
            *,
            case
                when started_at is null or trial_started_at <= started_at then trial_started_at
            end as own_trial_started_at,
            case when started_at is null or trial_started_at <= started_at then trial_ended_at end as own_trial_ended_at
        from file_subscriptions
    ),

    unioned as (
        select
            'stripe:' || dated.subscription_id as subscription_id,
            'stripe' as source_system,
            dated.subscription_id as source_record_id,
            {{ record_key("'stripe'", "'customer'", "dated.customer_id") }} as record_key,
            plans.plan,
            dated.currency,
            {{ money("coalesce(contents.mrr_amount, 0)") }} as mrr_amount,
            coalesce(contents.unpriced_item_count, 0) as unpriced_item_count,
            contents.billing_months::int as billing_months,
            dated.paying_from_at,
            dated.recorded_at,
            least(
                greatest(dated.start_at, dated.recorded_at),
                coalesce(dated.first_paid_at, dated.recorded_at, dated.start_at)
            ) as created_at,
            dated.own_trial_started_at as trial_started_at,
            dated.own_trial_ended_at as trial_ended_at,
            -- What is billed begins with the first payment; what costs nothing (a full discount), with its first day.
            case
                when dated.first_paid_at is not null
                then dated.first_paid_at
                when
                    dated.priced_invoice_count = 0
                    and dated.paying_from_at <= {{ as_of() }}
                    and dated.subscription_status not in ('incomplete', 'incomplete_expired')
                    and (dated.ended_at is null or dated.ended_at > dated.paying_from_at)
                then greatest(dated.paying_from_at, dated.recorded_at)
            end as started_at,
            dated.cancelled_at,
            dated.ended_at,
            dated.cancellation_reason,
            dated.subscription_status = 'incomplete_expired' as has_never_begun,
            dated.loaded_at
        from dated
        left join contents on contents.subscription_id = dated.subscription_id
        left join plans on plans.subscription_id = dated.subscription_id
        union all
        select
            'files:' || subscription_id,
            'files',
            subscription_id,
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                when email is not null
                then {{ record_key("'files'", "'guest_subscription'", "subscription_id") }}
            end,
            plan,
            currency,
            mrr_amount,
            0,
            coalesce(billing_months, 1)::int,
            started_at,
            coalesce(recorded_at, trial_started_at, started_at),
            least(coalesce(trial_started_at, started_at), coalesce(started_at, trial_started_at)),
            own_trial_started_at,
            own_trial_ended_at,
            started_at,
            cancelled_at,
            ended_at,
            null,
            false,
            loaded_at
        from file_trials
    )

select *
from unioned
