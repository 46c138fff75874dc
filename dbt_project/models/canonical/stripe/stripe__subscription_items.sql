with
    items as (select * from {{ ref("stripe__subscription_items__dated") }}),
    subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    current_items as (select * from {{ ref("stg_stripe__subscription_items") }}),
    subscription_discounts as (select * from {{ ref("stg_stripe__subscription_discounts") }}),
    customers as (select * from {{ ref("stg_stripe__customers") }}),

    with_own_discounts as (select distinct subscription_id from subscription_discounts where is_current),

    -- A customer's discount applies to subscriptions without a discount of their own.
    discounts as (
        select
            subscription_id,
            discount_id,
            item_id,
            percent_off,
            off_amount,
            currency,
            applies_to_products,
            started_at,
            ended_at
        from subscription_discounts
        where duration = 'forever'
        union all
        select
            subscriptions.subscription_id,
            'customer:' || customers.discount_id as discount_id,
            null as item_id,
            customers.discount_percent_off as percent_off,
            customers.discount_off_amount as off_amount,
            customers.discount_currency as currency,
            customers.discount_applies_to_products as applies_to_products,
            customers.discount_started_at as started_at,
            customers.discount_ended_at as ended_at
        from customers
        inner join subscriptions on subscriptions.customer_id = customers.customer_id
        left join with_own_discounts on with_own_discounts.subscription_id = subscriptions.subscription_id
        where customers.discount_duration = 'forever' and with_own_discounts.subscription_id is null
    ),

    -- A percentage comes off each item that it applies to.
    shares as (
        select distinct
            items.subscription_id,
            items.item_id,
            discounts.discount_id,
            discounts.percent_off,
            discounts.started_at,
            discounts.ended_at
        from items
        inner join discounts on discounts.subscription_id = items.subscription_id
        left join current_items on current_items.item_id = items.item_id
        where
            discounts.percent_off > 0
            and discounts.started_at is not null
            and (discounts.item_id is null or discounts.item_id = items.item_id)
            and (
                discounts.applies_to_products is null
                or ',' || discounts.applies_to_products || ',' like '%,' || current_items.product_id || ',%'
            )
    ),

    turns as (
        select subscription_id, item_id, changed_at, mrr_amount as list_mrr_amount
        from items
        union all
        select subscription_id, item_id, started_at as changed_at, null as list_mrr_amount
        from shares
        union all
        select subscription_id, item_id, ended_at as changed_at, null as list_mrr_amount
        from shares
        where ended_at is not null
    ),

    instants as (
        select subscription_id, item_id, changed_at, max(list_mrr_amount) as list_mrr_amount
        from turns
        group by subscription_id, item_id, changed_at
    ),

    numbered as (
        select
            *,
            count(list_mrr_amount) over (
                partition by subscription_id, item_id
                order by changed_at asc nulls last
                rows between unbounded preceding and current row
            ) as list_number
        from instants
    ),

    at_list_price as (
        select
            subscription_id,
            item_id,
            changed_at,
            max(list_mrr_amount) over (partition by subscription_id, item_id, list_number) as list_mrr_amount
        from numbered
        where list_number > 0
    ),

    -- With several discounts, the second is a percentage of what the first leaves.
    less_shares as (
        select
            at_list_price.subscription_id,
            at_list_price.item_id,
            at_list_price.changed_at,
            at_list_price.list_mrr_amount,
            case
                when max(shares.percent_off) = 100
                then 0
                else exp(coalesce(sum(ln(nullif(1 - shares.percent_off / 100, 0))), 0))
            end as share_left
        from at_list_price
        left join
            shares
            on shares.subscription_id = at_list_price.subscription_id
            and shares.item_id = at_list_price.item_id
            and shares.started_at <= at_list_price.changed_at
            and (shares.ended_at is null or shares.ended_at > at_list_price.changed_at)
        group by
            at_list_price.subscription_id,
            at_list_price.item_id,
            at_list_price.changed_at,
            at_list_price.list_mrr_amount
    ),

    -- An amount comes off every invoice, and there are as many invoices as the item with the shortest interval has.
    invoicing as (
        select subscription_id, recurring_interval, recurring_interval_count
        from current_items
        where recurring_interval in ('day', 'week', 'month', 'year')
        qualify
            row_number() over (
                partition by subscription_id
                order by
                    recurring_interval_count
                    * case recurring_interval when 'day' then 1 when 'week' then 7 when 'month' then 30 else 365 end
                    asc nulls last,
                    item_id asc nulls last
            )
            = 1
    ),

    amounts_off as (
        select
            discounts.subscription_id,
            'discount:' || discounts.discount_id as item_id,
            discounts.started_at,
            discounts.ended_at,
            {{
                monthly_amount(
                    "discounts.off_amount", "invoicing.recurring_interval", "invoicing.recurring_interval_count"
                )
            }} as off_amount
        from discounts
        inner join invoicing on invoicing.subscription_id = discounts.subscription_id
        inner join
            subscriptions
            on subscriptions.subscription_id = discounts.subscription_id
            and subscriptions.currency = discounts.currency
        where discounts.off_amount > 0 and discounts.started_at is not null
    ),

    final as (
        select
            subscription_id,
            item_id,
            changed_at,
            list_mrr_amount,
            {{ money_from_double("list_mrr_amount * share_left") }} as mrr_amount
        from less_shares
        union all
        select
            subscription_id,
            item_id,
            started_at as changed_at,
            {{ money("0") }} as list_mrr_amount,
            {{ money("-off_amount") }} as mrr_amount
        from amounts_off
        union all
        select
            subscription_id,
            item_id,
            ended_at as changed_at,
            {{ money("0") }} as list_mrr_amount,
            {{ money("0") }} as mrr_amount
        from amounts_off
        where ended_at > started_at
    )

select *
from final
