with
    subscriptions as (select * from {{ ref("stg_files__subscriptions") }}),

    -- Free weeks for someone who already pays are not a trial.
    final as (
        select
            subscription_id,
            customer_id,
            email,
            plan,
            currency,
            mrr_amount,
            cast(0 as bigint) as unpriced_item_count,
            cast(coalesce(billing_months, 1) as int) as billing_months,
            started_at as paying_from_at,
            coalesce(recorded_at, trial_started_at, started_at) as recorded_at,
            least(coalesce(trial_started_at, started_at), coalesce(started_at, trial_started_at)) as created_at,
            case
                when started_at is null or trial_started_at <= started_at then trial_started_at
            end as trial_started_at,
            case when started_at is null or trial_started_at <= started_at then trial_ended_at end as trial_ended_at,
            started_at,
            cancelled_at,
            ended_at,
            false as has_never_begun,
            loaded_at
        from subscriptions
    )

select *
from final
