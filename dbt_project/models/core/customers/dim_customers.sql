with
    orders as (select * from {{ ref("fct_orders") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),
    deals as (select * from {{ ref("fct_deals") }}),
    persons as (select * from {{ ref("dim_persons") }}),

    purchases as (
        select person_id, 'order' as purchase_kind, 1 as kind_order, paid_at as purchased_at
        from orders
        where paid_at <= {{ as_of() }}
        union all
        select person_id, 'subscription', 2, started_at
        from subscriptions
        where started_at is not null
        union all
        select person_id, 'deal', 3, closed_at
        from deals
        where is_won
    ),

    -- Of several at one instant the order is the purchase: it names what was bought.
    numbered as (
        select
            *,
            max(purchased_at) over (partition by person_id) as last_purchased_at,
            min(case when purchase_kind = 'order' then purchased_at end) over (
                partition by person_id
            ) as first_ordered_at,
            row_number() over (
                partition by person_id order by purchased_at asc nulls last, kind_order asc nulls last
            ) as purchase_number
        from purchases
        where person_id is not null
    ),

    dated as (
        select
            person_id,
            purchase_kind as first_purchase_kind,
            purchased_at as first_purchased_at,
            {{ local_date("purchased_at") }} as first_purchased_on,
            last_purchased_at,
            {{ local_date("first_ordered_at") }} as first_ordered_on
        from numbered
        where purchase_number = 1
    ),

    final as (
        select
            dated.person_id,
            dated.first_purchase_kind,
            dated.first_purchased_at,
            dated.first_purchased_on,
            dated.last_purchased_at,
            dated.first_ordered_on,
            cast({{ dbt.date_trunc("week", "dated.first_purchased_on") }} as date) as cohort_week,
            cast({{ dbt.date_trunc("month", "dated.first_purchased_on") }} as date) as cohort_month,
            {{ acquisition_channel("persons") }} as acquisition_channel,
            coalesce(persons.first_touch_campaign_id, 'none') as acquisition_campaign_id
        from dated
        inner join persons on persons.person_id = dated.person_id
    )

select *
from final
