with
    subscriptions as (select * from {{ ref("stripe__subscriptions__dated") }}),
    items as (select * from {{ ref("stg_stripe__subscription_items") }}),
    amounts as (select * from {{ ref("stripe__price_amounts__computed") }}),
    products as (select * from {{ ref("stg_stripe__products") }}),

    priced_items as (
        select
            items.subscription_id,
            coalesce(products.product_name, items.product_id) as plan,
            coalesce(amounts.mrr_amount, {{ money("0") }}) as mrr_amount,
            coalesce(amounts.is_unpriced, true) as is_unpriced,
            case
                items.recurring_interval
                when 'month'
                then items.recurring_interval_count
                when 'year'
                then items.recurring_interval_count * 12
            end as billing_months
        from items
        left join products on products.product_id = items.product_id
        left join subscriptions on subscriptions.subscription_id = items.subscription_id
        left join
            amounts
            on amounts.price_id = items.price_id
            and amounts.currency = coalesce(subscriptions.currency, items.currency)
            and amounts.quantity = items.quantity
    ),

    contents as (
        select
            subscription_id,
            sum(mrr_amount) as mrr_amount,
            count(case when is_unpriced then 1 end) as unpriced_item_count,
            max(billing_months) as billing_months
        from priced_items
        group by subscription_id
    ),

    plans as (
        select subscription_id, {{ sorted_list("plan") }} as plan
        from (select distinct subscription_id, plan from priced_items) as distinct_plans
        group by subscription_id
    ),

    final as (
        select
            subscriptions.*,
            plans.plan,
            {{ money("coalesce(contents.mrr_amount, 0)") }} as mrr_amount,
            coalesce(contents.unpriced_item_count, 0) as unpriced_item_count,
            cast(contents.billing_months as int) as billing_months
        from subscriptions
        left join contents on contents.subscription_id = subscriptions.subscription_id
        left join plans on plans.subscription_id = subscriptions.subscription_id
    )

select *
from final
