{{ config(materialized="table") }}
with
    subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    prices as (select * from {{ ref("stg_stripe__prices") }}),
    tiers as (select * from {{ ref("stg_stripe__price_tiers") }}),
    items as (select * from {{ ref("stg_stripe__subscription_items") }}),
    event_items as (select * from {{ ref("stg_stripe__subscription_event_items") }}),
    lines as (select * from {{ ref("stg_stripe__invoice_lines") }}),

    -- An item shows its price in the price's own currency; it is billed in the currency of its subscription.
    shown as (
        select subscription_id, price_id, currency, unit_amount, is_tiered, package_size, quantity
        from items
        union all
        select subscription_id, price_id, currency, unit_amount, is_tiered, package_size, quantity
        from event_items
    ),

    used as (
        select shown.price_id, coalesce(subscriptions.currency, shown.currency) as currency, shown.quantity
        from shown
        left join subscriptions on subscriptions.subscription_id = shown.subscription_id
        union
        select price_id, currency, coalesce(quantity, 1) as quantity
        from lines
        where item_id is not null
    ),

    listed as (
        select
            price_id,
            currency,
            coalesce(
                lag(up_to_quantity) over (partition by price_id, currency order by tier_number asc nulls last), 0
            ) as above_quantity,
            up_to_quantity,
            unit_amount,
            flat_amount,
            1 as precedence
        from tiers
    ),

    -- A price that is not in the list is known by the items that show it.
    shown_amounts as (
        select
            price_id,
            currency,
            0 as above_quantity,
            cast(null as bigint) as up_to_quantity,
            max(unit_amount) as unit_amount,
            {{ money("0") }} as flat_amount,
            2 as precedence
        from shown
        where not is_tiered and unit_amount is not null
        group by price_id, currency
    ),

    -- If nothing is stated for a currency, the price is what was last billed in it.
    billed_amounts as (
        select
            lines.price_id,
            lines.currency,
            0 as above_quantity,
            cast(null as bigint) as up_to_quantity,
            {{ money_from_double("lines.line_amount::double / lines.quantity") }} as unit_amount,
            {{ money("0") }} as flat_amount,
            3 as precedence
        from lines
        inner join prices on prices.price_id = lines.price_id
        where
            not lines.is_proration
            and lines.line_amount > 0
            and lines.quantity > 0
            and not prices.is_tiered
            and prices.package_size is null
        qualify
            row_number() over (
                partition by lines.price_id, lines.currency
                order by lines.period_started_at desc nulls last, lines.invoice_line_id desc nulls last
            )
            = 1
    ),

    known as (
        select *
        from listed
        union all
        select *
        from shown_amounts
        union all
        select *
        from billed_amounts
    ),

    best_known as (select * from known qualify precedence = min(precedence) over (partition by price_id, currency)),

    terms as (
        select
            price_id,
            recurring_interval,
            recurring_interval_count,
            is_metered,
            is_priced_by_volume,
            package_size,
            is_package_begun_whole
        from prices
        union all
        select
            items.price_id,
            max(items.recurring_interval) as recurring_interval,
            max(items.recurring_interval_count) as recurring_interval_count,
            bool_or(items.is_metered) as is_metered,
            false as is_priced_by_volume,
            max(items.package_size) as package_size,
            bool_or(items.is_package_begun_whole) as is_package_begun_whole
        from
            (
                select
                    price_id,
                    recurring_interval,
                    recurring_interval_count,
                    is_metered,
                    package_size,
                    is_package_begun_whole
                from items
                union all
                select
                    price_id,
                    recurring_interval,
                    recurring_interval_count,
                    is_metered,
                    package_size,
                    is_package_begun_whole
                from event_items
            ) as items
        left join prices on prices.price_id = items.price_id
        where prices.price_id is null
        group by items.price_id
    ),

    -- The price says whether a package that was begun counts as a whole one or not at all.
    counted as (
        select
            used.price_id,
            used.currency,
            used.quantity,
            terms.recurring_interval,
            terms.recurring_interval_count,
            terms.is_metered,
            terms.is_priced_by_volume,
            case
                when terms.package_size is null
                then used.quantity
                when terms.is_package_begun_whole
                then ceil(used.quantity::double / nullif(terms.package_size, 0))
                else floor(used.quantity::double / nullif(terms.package_size, 0))
            end as unit_count
        from used
        inner join terms on terms.price_id = used.price_id
    ),

    -- Each graduated tier counts the units within it; a tier by volume counts all units. The first tier includes zero
    -- units.
    in_tiers as (
        select
            counted.price_id,
            counted.currency,
            counted.quantity,
            counted.recurring_interval,
            counted.recurring_interval_count,
            counted.is_metered,
            case
                when counted.is_priced_by_volume and best_known.up_to_quantity < counted.unit_count
                then 0
                when counted.is_priced_by_volume
                then counted.unit_count * best_known.unit_amount::double + best_known.flat_amount::double
                else
                    greatest(
                        least(counted.unit_count, coalesce(best_known.up_to_quantity, counted.unit_count))
                        - best_known.above_quantity,
                        0
                    )
                    * best_known.unit_amount::double
                    + best_known.flat_amount::double
            end as amount
        from counted
        left join
            best_known
            on best_known.price_id = counted.price_id
            and best_known.currency = counted.currency
            and (best_known.above_quantity < counted.unit_count or best_known.above_quantity = 0)
    ),

    amounts as (
        select
            price_id,
            currency,
            quantity,
            recurring_interval,
            recurring_interval_count,
            is_metered,
            sum(amount) as amount
        from in_tiers
        group by price_id, currency, quantity, recurring_interval, recurring_interval_count, is_metered
    ),

    monthly as (
        select
            *,
            case
                when not is_metered
                then {{ monthly_amount("amount", "recurring_interval", "recurring_interval_count") }}
            end as monthly_amount
        from amounts
    ),

    final as (
        select
            price_id,
            currency,
            quantity,
            coalesce(monthly_amount, {{ money("0") }}) as mrr_amount,
            monthly_amount is null as is_unpriced
        from monthly
    )

select *
from final
