with
    orders as (select * from {{ ref("stg_shopify__orders") }}),
    order_lines as (select * from {{ ref("stg_shopify__order_lines") }}),
    refunds as (select * from {{ ref("stg_shopify__refunds") }}),
    refund_items as (select * from {{ ref("stg_shopify__refund_items") }}),
    disputes as (select * from {{ ref("stg_shopify__order_disputes") }}),
    dispute_transactions as (select * from {{ ref("stg_shopify__dispute_transactions") }}),
    deleted as (select * from {{ ref("shopify__orders__deleted") }}),

    -- In some shops the prices of goods and shipping include tax; an adjustment states it separately.
    net_items as (
        select
            refunds.refund_id,
            refund_items.item_kind,
            refund_items.tax_amount,
            coalesce(order_lines.is_gift_card, false) as is_gift_card,
            case
                when coalesce(orders.has_taxes_in_prices, false) and refund_items.item_kind in ('line', 'shipping')
                then refund_items.item_amount - refund_items.tax_amount
                else refund_items.item_amount
            end as net_amount
        from refund_items
        inner join refunds on refunds.refund_id = refund_items.refund_id and refunds.currency = refund_items.currency
        left join orders on orders.order_id = refunds.order_id
        left join order_lines on order_lines.order_line_id = refund_items.order_line_id
    ),

    -- What a refund was for: an amount for nothing in particular does not say how much of it was revenue.
    contents as (
        select
            refund_id,
            count(case when item_kind <> 'adjustment' or tax_amount <> 0 then 1 end) > 0 as is_itemised,
            sum(
                case
                    when is_gift_card
                    then 0
                    when item_kind in ('line', 'duty')
                    then net_amount
                    when item_kind = 'adjustment'
                    then - net_amount
                    {% if var("revenue_includes_shipping") %} when item_kind = 'shipping' then net_amount {% endif %}
                    else 0
                end
            ) as revenue_amount,
            sum(case when item_kind = 'adjustment' then - tax_amount else tax_amount end) as tax_amount
        from net_items
        group by refund_id
    ),

    -- A refund whose every attempt failed paid nothing back.
    paid_back as (
        select
            refunds.refund_id,
            'refund' as payback_reason,
            refunds.order_id,
            refunds.currency,
            refunds.refund_amount,
            case
                when contents.is_itemised
                then {{ money("least(greatest(contents.revenue_amount, 0), refunds.refund_amount)") }}
            end as itemised_revenue_amount,
            {{ money("least(coalesce(contents.tax_amount, 0), refunds.refund_amount)") }} as tax_amount,
            refunds.refunded_at,
            refunds.loaded_at
        from refunds
        left join contents on contents.refund_id = refunds.refund_id
        where not refunds.has_failed
    ),

    movements as (
        select
            dispute_number,
            min(case when moved_amount < 0 then moved_at end) as taken_at,
            max(case when moved_amount > 0 then moved_at end) as given_back_at
        from dispute_transactions
        group by dispute_number
    ),

    -- A chargeback is taken when the balance moves or, if that is not known, when it begins, whoever wins in the end.
    -- If the amount is not known, it is what was left of the order.
    disputed as (
        select
            disputes.dispute_id,
            disputes.dispute_status,
            disputes.order_id,
            coalesce(disputes.currency, orders.currency) as currency,
            coalesce(
                disputes.dispute_amount, {{ money("greatest(orders.total_amount - orders.refunded_amount, 0)") }}
            ) as disputed_amount,
            coalesce(movements.taken_at, disputes.disputed_at) as disputed_at,
            coalesce(movements.given_back_at, disputes.decided_at) as decided_at,
            disputes.loaded_at
        from disputes
        left join movements on movements.dispute_number = disputes.dispute_number
        left join orders on orders.order_id = disputes.order_id
        where not disputes.is_inquiry and disputes.dispute_status not in ('CHARGE_REFUNDED', 'PREVENTED')
    ),

    unioned as (
        select *
        from paid_back
        union all
        select
            dispute_id || ':taken' as refund_id,
            'dispute' as payback_reason,
            order_id,
            currency,
            disputed_amount as refund_amount,
            null as itemised_revenue_amount,
            {{ money("0") }} as tax_amount,
            disputed_at as refunded_at,
            loaded_at
        from disputed
        union all
        select
            dispute_id || ':won' as refund_id,
            'dispute' as payback_reason,
            order_id,
            currency,
            {{ money("-disputed_amount") }} as refund_amount,
            null as itemised_revenue_amount,
            {{ money("0") }} as tax_amount,
            greatest(disputed_at, decided_at) as refunded_at,
            loaded_at
        from disputed
        where dispute_status = 'WON'
    ),

    final as (
        select unioned.*
        from unioned
        left join deleted on deleted.order_id = unioned.order_id
        where deleted.order_id is null and unioned.refund_amount is not null and unioned.currency is not null
    )

select *
from final
