with
    subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    events as (select * from {{ ref("stg_stripe__subscription_events") }}),
    invoices as (select * from {{ ref("stripe__subscription_invoices") }}),
    lines as (select * from {{ ref("stg_stripe__invoice_lines") }}),

    -- Stripe calls a subscription active while its collection is paused: it counts as paused once what was paid for has
    -- run out.
    observed as (
        select
            events.subscription_id,
            events.event_id,
            case
                when events.is_collection_paused and events.subscription_status in ('active', 'past_due')
                then 'paused'
                else events.subscription_status
            end as stated_status,
            events.subscription_status,
            events.occurred_at,
            lead(events.occurred_at) over (
                partition by events.subscription_id
                order by events.occurred_at asc nulls last, events.event_id asc nulls last
            ) as next_occurred_at
        from events
    ),

    paid_periods as (
        select distinct invoices.subscription_id, invoices.paid_at, lines.period_ended_at as paid_until_at
        from invoices
        inner join lines on lines.invoice_id = invoices.invoice_id
        where invoices.paid_at is not null and lines.period_ended_at > lines.period_started_at
    ),

    observed_pauses as (
        select
            observed.subscription_id,
            observed.event_id,
            observed.subscription_status,
            observed.occurred_at,
            observed.next_occurred_at,
            greatest(observed.occurred_at, coalesce(max(paid_periods.paid_until_at), observed.occurred_at)) as paused_at
        from observed
        left join
            paid_periods
            on paid_periods.subscription_id = observed.subscription_id
            and paid_periods.paid_at <= observed.occurred_at
        where observed.stated_status = 'paused' and observed.subscription_status <> 'paused'
        group by
            observed.subscription_id,
            observed.event_id,
            observed.subscription_status,
            observed.occurred_at,
            observed.next_occurred_at
    ),

    from_events as (
        select subscription_id, stated_status, occurred_at as changed_at
        from observed
        where stated_status <> 'paused' or subscription_status = 'paused'
        union all
        select subscription_id, 'paused' as stated_status, paused_at as changed_at
        from observed_pauses
        where next_occurred_at is null or paused_at < next_occurred_at
        union all
        select subscription_id, subscription_status as stated_status, occurred_at as changed_at
        from observed_pauses
        where paused_at > occurred_at
    ),

    -- Nobody knows since when the status before the first event held (or, without events, the status last seen): at the
    -- latest since what had been paid for ran out.
    first_events as (
        select
            subscription_id,
            case
                when
                    was_collection_paused
                    and coalesce(previous_subscription_status, subscription_status) in ('active', 'past_due')
                then 'paused'
                else coalesce(previous_subscription_status, subscription_status)
            end as stated_status,
            occurred_at as held_until_at
        from events
        qualify
            row_number() over (
                partition by subscription_id order by occurred_at asc nulls last, event_id asc nulls last
            )
            = 1
    ),

    held as (
        select
            subscriptions.subscription_id,
            coalesce(
                first_events.stated_status,
                case
                    when
                        subscriptions.is_collection_paused
                        and subscriptions.subscription_status in ('active', 'past_due')
                    then 'paused'
                    else subscriptions.subscription_status
                end
            ) as stated_status,
            coalesce(first_events.held_until_at, {{ as_of() }}) as held_until_at
        from subscriptions
        left join first_events on first_events.subscription_id = subscriptions.subscription_id
    ),

    from_paid_periods as (
        select held.subscription_id, held.stated_status, max(paid_periods.paid_until_at) as changed_at
        from held
        inner join paid_periods on paid_periods.subscription_id = held.subscription_id
        where
            held.stated_status in ('past_due', 'unpaid', 'paused')
            and paid_periods.paid_at < held.held_until_at
            and paid_periods.paid_until_at < held.held_until_at
        group by held.subscription_id, held.stated_status
    ),

    stated as (
        select subscription_id, stated_status, changed_at
        from from_events
        union all
        select subscription_id, stated_status, changed_at
        from from_paid_periods
    ),

    final as (
        select
            subscription_id,
            case
                when stated_status in ('canceled', 'incomplete_expired')
                then 'ended'
                when stated_status in ('trialing', 'active', 'past_due', 'unpaid', 'paused')
                then stated_status
                else 'awaiting_payment'
            end as status,
            changed_at
        from stated
    )

select *
from final
