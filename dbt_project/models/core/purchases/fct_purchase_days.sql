with
    revenue_entries as (
        -- Paying for a subscription is not a decision to buy, and it has churn of its own.
        select * from {{ ref("fct_revenue_entries") }} where person_id is not null and entry_type in ('sale', 'refund')
    ),

    sold_orders as (select distinct person_id, order_id from revenue_entries where entry_type = 'sale'),

    -- In the order view, a refund is on the day of its order.
    placed_entries as (
        select
            revenue_entries.*,
            cast(revenue_entries.order_view_at as date) as entered_on,
            revenue_entries.entry_type = 'sale' or sold_orders.order_id is not null as is_of_an_order
        from revenue_entries
        left join
            sold_orders
            on sold_orders.person_id = revenue_entries.person_id
            and sold_orders.order_id = revenue_entries.order_id
    ),

    purchase_days as (
        select
            person_id,
            entered_on as purchased_on,
            row_number() over (partition by person_id order by entered_on asc nulls last)::bigint as purchase_number,
            min(case when entry_type = 'sale' then order_view_at end) as first_purchased_at,
            max(case when entry_type = 'sale' then order_view_at end) as last_purchased_at,
            sum(amount_reporting) as amount_reporting
        from placed_entries
        where is_of_an_order
        group by person_id, entered_on
    ),

    loose_refunds as (
        select person_id, entered_on, sum(amount_reporting) as amount_reporting
        from placed_entries
        where not is_of_an_order and amount_reporting is not null
        group by person_id, entered_on
    ),

    -- For people with a refund whose order is not known: what is left of each purchase. Such a refund takes from the
    -- latest purchase before it, then from the one before that. Picture a pile: purchases are put on top, refunds take
    -- from the top, and what lies below the lowest height reached since is left.
    moves as (
        select
            purchase_days.person_id,
            purchase_days.purchased_on as moved_on,
            1 as place,
            purchase_days.purchased_on,
            greatest(coalesce(purchase_days.amount_reporting, 0), 0) as amount
        from purchase_days
        where purchase_days.person_id in (select person_id from loose_refunds)
        union all
        select person_id, entered_on as moved_on, 2 as place, null as purchased_on, amount_reporting as amount
        from loose_refunds
    ),

    with_sums as (
        select
            *,
            sum(amount) over (
                partition by person_id
                order by moved_on asc nulls last, place asc nulls last
                rows between unbounded preceding and current row
            ) as moved_to_date,
            -- What is given back after a refund, as when a dispute is won, belongs to the same purchase.
            coalesce(
                max(purchased_on) over (
                    partition by person_id
                    order by moved_on asc nulls last, place asc nulls last
                    rows between unbounded preceding and current row
                ),
                min(purchased_on) over (partition by person_id)
            ) as counts_on
        from moves
    ),

    -- The height falls below zero by what was paid back before the first purchase, or beyond everything bought.
    with_excess as (
        select
            *,
            - least(
                min(moved_to_date) over (
                    partition by person_id
                    order by moved_on asc nulls last, place asc nulls last
                    rows between unbounded preceding and current row
                ),
                0
            ) as excess_to_date
        from with_sums
    ),

    with_lowest as (
        select
            *,
            moved_to_date + excess_to_date as pile,
            min(moved_to_date + excess_to_date) over (
                partition by person_id
                order by moved_on asc nulls last, place asc nulls last
                rows between current row and unbounded following
            ) as lowest_pile,
            max(excess_to_date) over (partition by person_id) as excess
        from with_excess
    ),

    net_days as (
        select
            person_id,
            counts_on as purchased_on,
            sum(case when amount > 0 then greatest(lowest_pile - (pile - amount), 0) else 0 end)
            - sum(case when place = 1 then amount else 0 end) as correction,
            max(excess) as excess
        from with_lowest
        group by person_id, counts_on
    ),

    -- What lies below zero is taken from the first purchase.
    corrected as (
        select
            purchase_days.*,
            coalesce(net_days.correction, 0) as correction,
            case when purchase_days.purchase_number = 1 then coalesce(net_days.excess, 0) else 0 end as excess
        from purchase_days
        left join
            net_days
            on net_days.person_id = purchase_days.person_id
            and net_days.purchased_on = purchase_days.purchased_on
    ),

    final as (
        select
            person_id,
            purchased_on,
            purchase_number,
            first_purchased_at,
            last_purchased_at,
            {{ money("amount_reporting + correction - excess") }} as amount_reporting
        from corrected
    )

select *
from final
