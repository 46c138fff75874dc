with
    subscriptions as (select * from {{ ref("stripe__subscriptions__dated") }}),
    items as (select * from {{ ref("stg_stripe__subscription_items") }}),
    prices as (select * from {{ ref("stg_stripe__prices") }}),
    amounts as (select * from {{ ref("stripe__price_amounts__computed") }}),
    lines as (select * from {{ ref("stg_stripe__invoice_lines") }}),
    events as (select * from {{ ref("stg_stripe__subscription_events") }}),
    event_items as (select * from {{ ref("stg_stripe__subscription_event_items") }}),

    -- Events go back 30 days only. Before that, invoice lines show what an item cost, and from when on. A proration
    -- below zero is left out: it only credits what was billed before.
    from_invoices as (
        select
            lines.subscription_id,
            lines.item_id,
            lines.period_started_at as changed_at,
            amounts.mrr_amount,
            2 as precedence,
            lines.invoice_line_id as source_id
        from lines
        inner join
            amounts
            on amounts.price_id = lines.price_id
            and amounts.currency = lines.currency
            and amounts.quantity = coalesce(lines.quantity, 1)
        left join prices on prices.price_id = lines.price_id
        where
            lines.item_id is not null
            and lines.period_ended_at > lines.period_started_at
            and not (lines.is_proration and lines.line_amount < 0)
            and not coalesce(prices.is_tiered and not prices.is_metered, false)
    ),

    -- An item priced by tiers is billed in one line per tier and fee: their sum is what it costs.
    from_lines_of_tiers as (
        select
            lines.subscription_id,
            lines.item_id,
            lines.period_started_at as changed_at,
            {{
                monthly_amount(
                    "sum(lines.line_amount)", "prices.recurring_interval", "prices.recurring_interval_count"
                )
            }} as mrr_amount,
            2 as precedence,
            max(lines.invoice_line_id) as source_id
        from lines
        inner join prices on prices.price_id = lines.price_id
        where
            lines.item_id is not null
            and lines.period_ended_at > lines.period_started_at
            and not lines.is_proration
            and prices.is_tiered
            and not prices.is_metered
        group by
            lines.invoice_id,
            lines.subscription_id,
            lines.item_id,
            lines.period_started_at,
            prices.recurring_interval,
            prices.recurring_interval_count
    ),

    told_items as (
        select
            event_items.subscription_id,
            event_items.item_id,
            event_items.event_id,
            event_items.is_previous,
            events.occurred_at,
            coalesce(amounts.mrr_amount, {{ money("0") }}) as mrr_amount
        from event_items
        inner join events on events.event_id = event_items.event_id
        left join subscriptions on subscriptions.subscription_id = event_items.subscription_id
        left join
            amounts
            on amounts.price_id = event_items.price_id
            and amounts.currency = coalesce(subscriptions.currency, event_items.currency)
            and amounts.quantity = event_items.quantity
    ),

    from_events as (
        select subscription_id, item_id, occurred_at as changed_at, mrr_amount, 3 as precedence, event_id as source_id
        from told_items
        where not is_previous
    ),

    -- An item that is missing from the event's list was removed.
    taken_away as (
        select
            told_items.subscription_id,
            told_items.item_id,
            told_items.occurred_at as changed_at,
            {{ money("0") }} as mrr_amount,
            3 as precedence,
            told_items.event_id as source_id
        from told_items
        left join
            from_events on from_events.source_id = told_items.event_id and from_events.item_id = told_items.item_id
        where told_items.is_previous and from_events.item_id is null
    ),

    -- For items without an invoice, the first event that changed them says what they were before.
    before_events as (
        select
            told_items.subscription_id,
            told_items.item_id,
            subscriptions.created_at as changed_at,
            told_items.mrr_amount,
            1 as precedence,
            told_items.event_id as source_id
        from told_items
        inner join subscriptions on subscriptions.subscription_id = told_items.subscription_id
        where told_items.is_previous
        qualify
            row_number() over (
                partition by told_items.item_id
                order by told_items.occurred_at asc nulls last, told_items.event_id asc nulls last
            )
            = 1
    ),

    -- An item removed before the first known event was there for as long as it was billed.
    no_longer_billed as (
        select
            lines.subscription_id,
            lines.item_id,
            max(lines.period_ended_at) as changed_at,
            {{ money("0") }} as mrr_amount,
            2 as precedence,
            'no longer billed' as source_id
        from lines
        left join items on items.item_id = lines.item_id
        left join taken_away on taken_away.item_id = lines.item_id
        where lines.item_id is not null and items.item_id is null and taken_away.item_id is null
        group by lines.subscription_id, lines.item_id
    ),

    told as (
        select *
        from from_invoices
        union all
        select *
        from from_lines_of_tiers
        union all
        select *
        from from_events
        union all
        select *
        from taken_away
        union all
        select *
        from before_events
        union all
        select *
        from no_longer_billed
    ),

    last_told as (
        select *
        from told
        qualify
            row_number() over (
                partition by item_id
                order by changed_at desc nulls last, precedence desc nulls last, source_id desc nulls last
            )
            = 1
    ),

    current_items as (
        select items.*, coalesce(amounts.mrr_amount, {{ money("0") }}) as mrr_amount
        from items
        left join subscriptions on subscriptions.subscription_id = items.subscription_id
        left join
            amounts
            on amounts.price_id = items.price_id
            and amounts.currency = coalesce(subscriptions.currency, items.currency)
            and amounts.quantity = items.quantity
    ),

    -- If neither invoices nor events show the present price, it counts from the start of the period in which it was
    -- last seen.
    from_the_last_sight as (
        select
            current_items.subscription_id,
            current_items.item_id,
            case
                when last_told.changed_at is null
                then current_items.created_at
                else greatest(last_told.changed_at, current_items.current_period_started_at)
            end as changed_at,
            current_items.mrr_amount,
            4 as precedence,
            'last sight' as source_id
        from current_items
        left join last_told on last_told.item_id = current_items.item_id
        where last_told.item_id is null or last_told.mrr_amount <> current_items.mrr_amount
    ),

    unioned as (
        select *
        from told
        union all
        select *
        from from_the_last_sight
    ),

    final as (
        select subscription_id, item_id, changed_at, mrr_amount
        from unioned
        where changed_at is not null
        qualify
            row_number() over (
                partition by subscription_id, item_id, changed_at
                order by precedence desc nulls last, source_id desc nulls last
            )
            = 1
    )

select *
from final
