with
    subscriptions as (select * from {{ ref("int_subscriptions__unioned") }}),
    stated as (select * from {{ ref("int_subscription_statuses__unioned") }}),

    -- What the dates alone show, however long ago.
    from_dates as (
        select subscription_id, 'awaiting_payment' as status, created_at as changed_at
        from subscriptions
        union all
        select subscription_id, 'trialing' as status, trial_started_at as changed_at
        from subscriptions
        union all
        select subscription_id, 'awaiting_payment' as status, trial_ended_at as changed_at
        from subscriptions
        where trial_started_at is not null and (started_at > trial_ended_at or started_at is null)
        union all
        select subscription_id, 'active' as status, started_at as changed_at
        from subscriptions
        union all
        select subscription_id, 'ended' as status, ended_at as changed_at
        from subscriptions
    ),

    -- Some systems call a subscription active as soon as a trial is over. It counts as active once it was paid for, and
    -- from then on even while a paying customer is given free weeks as a trial.
    from_systems as (
        select
            stated.subscription_id,
            case
                when stated.status in ('ended', 'unpaid', 'paused')
                then stated.status
                when stated.status = 'trialing' and subscriptions.started_at <= stated.changed_at
                then 'active'
                when stated.status = 'trialing'
                then 'trialing'
                when subscriptions.started_at <= stated.changed_at
                then stated.status
                else 'awaiting_payment'
            end as status,
            stated.changed_at
        from stated
        inner join subscriptions on subscriptions.subscription_id = stated.subscription_id
    ),

    unioned as (
        select subscription_id, status, changed_at
        from from_dates
        union all
        select subscription_id, status, changed_at
        from from_systems
    ),

    -- Nothing follows the end: a trial that was broken off has its planned end later.
    until_the_end as (
        select unioned.subscription_id, unioned.status, unioned.changed_at
        from unioned
        inner join subscriptions on subscriptions.subscription_id = unioned.subscription_id
        where
            unioned.changed_at is not null
            and (subscriptions.ended_at is null or unioned.changed_at <= subscriptions.ended_at)
    ),

    -- Of several statuses at one instant the furthest counts: a first payment can make a subscription active in the
    -- second it was created.
    final as (
        select subscription_id, status, changed_at
        from until_the_end
        qualify
            row_number() over (
                partition by subscription_id, changed_at
                order by
                    case
                        status
                        when 'awaiting_payment'
                        then 1
                        when 'trialing'
                        then 2
                        when 'past_due'
                        then 3
                        when 'active'
                        then 4
                        when 'unpaid'
                        then 5
                        when 'paused'
                        then 6
                        else 7
                    end desc nulls last
            )
            = 1
    )

select *
from final
