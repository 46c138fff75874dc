with
    subscriptions as (select * from {{ ref("stripe__subscriptions__dated") }}),
    items as (select * from {{ ref("stg_stripe__subscription_items") }}),
    amounts as (select * from {{ ref("stripe__price_amounts__computed") }}),
    lines as (select * from {{ ref("stg_stripe__invoice_lines") }}),
    events as (select * from {{ ref("stg_stripe__subscription_events") }}),
    event_items as (select * from {{ ref("stg_stripe__subscription_event_items") }}),

    -- Events go back 30 days; invoices tell what was billed from when on, and a credit what was no longer.
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
        where
            lines.item_id is not null
            and lines.period_ended_at > lines.period_started_at
            and not (lines.is_proration and lines.line_amount < 0)
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

    -- An item that the event's list no longer has was taken away.
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

    -- What the first event that changed an item says of before, for items that no invoice tells of.
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

    -- Taken away before events go back: it was there for as long as it was billed.
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

    -- What is there now counts where nothing told it yet, from the period that it was last seen in.
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
