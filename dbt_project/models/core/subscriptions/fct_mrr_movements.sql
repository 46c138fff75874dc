with
    days as (select * from {{ ref("dim_days") }}),
    periods as (select * from {{ ref("fct_subscription_periods") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    paid_periods as (select * from periods where mrr_amount_reporting > 0),

    months as (select distinct cast({{ dbt.date_trunc("month", "date_day") }} as date) as month from days),

    month_starts as (
        select month, {{ utc_time(midnight("month"), var("reporting_time_zone")) }} as starts_at from months
    ),

    -- The month that is not over ends with the refresh; what happened at its very instant counts.
    bounded as (
        select
            month,
            starts_at,
            least(
                lead(starts_at, 1, {{ as_of() }} + interval '1' microsecond) over (order by month asc nulls last),
                {{ as_of() }} + interval '1' microsecond
            ) as ends_at
        from month_starts
        where starts_at <= {{ as_of() }}
    ),

    -- What a subscriber brings just before an instant: a change at midnight of the 1st belongs to the new month.
    openings as (
        select bounded.month, periods.subscriber_id, sum(periods.mrr_amount_reporting) as amount
        from bounded
        inner join
            paid_periods as periods
            on periods.started_at < bounded.starts_at
            and (periods.ended_at >= bounded.starts_at or periods.ended_at is null)
        group by bounded.month, periods.subscriber_id
    ),

    closings as (
        select bounded.month, periods.subscriber_id, sum(periods.mrr_amount_reporting) as amount
        from bounded
        inner join
            paid_periods as periods
            on periods.started_at < bounded.ends_at
            and (periods.ended_at >= bounded.ends_at or periods.ended_at is null)
        group by bounded.month, periods.subscriber_id
    ),

    balances as (
        select
            coalesce(openings.month, closings.month) as month,
            coalesce(openings.subscriber_id, closings.subscriber_id) as subscriber_id,
            coalesce(openings.amount, 0) as opening_amount,
            coalesce(closings.amount, 0) as closing_amount
        from openings
        full outer join closings on closings.month = openings.month and closings.subscriber_id = openings.subscriber_id
    ),

    subscribers as (
        select subscriber_id, max(person_id) as person_id, min(started_at) as first_started_at
        from paid_periods
        group by subscriber_id
    ),

    after_trials as (
        select distinct subscriptions.subscriber_id, bounded.month
        from subscriptions
        inner join
            bounded on subscriptions.started_at >= bounded.starts_at and subscriptions.started_at < bounded.ends_at
        where subscriptions.trial_started_at is not null
    ),

    final as (
        select
            {{ surrogate_key(["balances.month", "balances.subscriber_id"]) }} as mrr_movement_id,
            balances.month,
            balances.subscriber_id,
            subscribers.person_id,
            case
                when balances.opening_amount = 0 and subscribers.first_started_at >= bounded.starts_at
                then 'new'
                when balances.opening_amount = 0
                then 'reactivation'
                when balances.closing_amount = 0
                then 'churn'
                when balances.closing_amount > balances.opening_amount
                then 'expansion'
                else 'contraction'
            end as movement_kind,
            {{ money("balances.opening_amount") }} as opening_mrr_amount_reporting,
            {{ money("balances.closing_amount") }} as closing_mrr_amount_reporting,
            {{ money("balances.closing_amount - balances.opening_amount") }} as mrr_change_amount_reporting,
            balances.opening_amount = 0 and after_trials.subscriber_id is not null as is_after_trial
        from balances
        inner join bounded on bounded.month = balances.month
        inner join subscribers on subscribers.subscriber_id = balances.subscriber_id
        left join
            after_trials on after_trials.subscriber_id = balances.subscriber_id and after_trials.month = balances.month
        where balances.closing_amount <> balances.opening_amount
    )

select *
from final
