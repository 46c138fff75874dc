with
    orders as (select * from {{ ref("fct_orders") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),
    won_deals as (select * from {{ ref("fct_deals") }} where is_won),
    persons as (select * from {{ ref("dim_persons") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),

    person_purchases as (
        select person_id, 'order' as purchase_kind, 1 as kind_order, paid_at as purchased_at
        from orders
        where paid_at <= {{ as_of() }} and person_id is not null
        union all
        select person_id, 'subscription' as purchase_kind, 2 as kind_order, started_at as purchased_at
        from subscriptions
        where started_at is not null and person_id is not null
        union all
        select person_id, 'deal' as purchase_kind, 3 as kind_order, closed_at as purchased_at
        from won_deals
        where person_id is not null
    ),

    -- A company whose people are customers is already counted through them.
    counted_accounts as (
        select distinct account_persons.account_id
        from account_persons
        inner join person_purchases on person_purchases.person_id = account_persons.person_id
    ),

    account_purchases as (
        select won_deals.account_id, won_deals.closed_at as purchased_at
        from won_deals
        left join counted_accounts on counted_accounts.account_id = won_deals.account_id
        where won_deals.person_id is null and won_deals.account_id is not null and counted_accounts.account_id is null
    ),

    purchases as (
        select person_id as customer_id, 'person' as customer_type, purchase_kind, kind_order, purchased_at
        from person_purchases
        union all
        select
            account_id as customer_id,
            'account' as customer_type,
            'deal' as purchase_kind,
            3 as kind_order,
            purchased_at
        from account_purchases
    ),

    -- If several happen at one instant, the order is the purchase: it names what was bought.
    numbered as (
        select
            *,
            max(purchased_at) over (partition by customer_id) as last_purchased_at,
            min(case when purchase_kind = 'order' then purchased_at end) over (
                partition by customer_id
            ) as first_ordered_at,
            row_number() over (
                partition by customer_id order by purchased_at asc nulls last, kind_order asc nulls last
            ) as purchase_number
        from purchases
    ),

    dated as (
        select
            customer_id,
            customer_type,
            case when customer_type = 'person' then customer_id end as person_id,
            case when customer_type = 'account' then customer_id end as account_id,
            purchase_kind as first_purchase_kind,
            purchased_at as first_purchased_at,
            {{ local_date("purchased_at") }} as first_purchased_on,
            last_purchased_at,
            {{ local_date("first_ordered_at") }} as first_ordered_on
        from numbered
        where purchase_number = 1
    ),

    -- What acquired the first person of an account acquired the account.
    final as (
        select
            dated.customer_id,
            dated.customer_type,
            dated.person_id,
            dated.account_id,
            dated.first_purchase_kind,
            dated.first_purchased_at,
            dated.first_purchased_on,
            dated.last_purchased_at,
            dated.first_ordered_on,
            cast({{ dbt.date_trunc("week", "dated.first_purchased_on") }} as date) as cohort_week,
            cast({{ dbt.date_trunc("month", "dated.first_purchased_on") }} as date) as cohort_month,
            {{ acquisition_channel("persons") }} as acquisition_channel,
            coalesce(persons.first_touch_campaign_id, 'none') as acquisition_campaign_id,
            coalesce(persons.first_touched_at, persons.created_at, accounts.created_at) as first_touched_at
        from dated
        left join accounts on accounts.account_id = dated.account_id
        left join persons on persons.person_id = coalesce(dated.person_id, accounts.first_person_id)
    )

select *
from final
