-- Every mart that counts customers counts those of `dim_customers`. Whoever a stage model sees convert by an order or
-- a subscription is one of them, not later than that, and so did all who began by one. Deals count as they stand: one
-- that was won once may be open again. The person of a won deal is a customer, or else its account or one of the people
-- there.
with
    customers as (select * from {{ ref("dim_customers") }}),
    person_customers as (select * from customers where customer_type = 'person'),
    activities as (select * from {{ ref("fct_activities") }}),
    won_deals as (select * from {{ ref("fct_deals") }} where is_won),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    customer_values as (select * from {{ ref("customer_value") }} where is_customer),
    profiles as (select * from {{ ref("customer_360") }} where is_customer),
    campaigns as (select * from {{ ref("campaign_performance") }}),
    concentration as (select * from {{ ref("revenue_concentration") }} where period = 'all' and top_rate = 1),

    conversions as (
        select person_id, min(occurred_at) as first_converted_at
        from activities
        where person_id is not null and activity in ('order_paid', 'subscription_started')
        group by person_id
    ),

    counts as (
        select
            (select count(*) from customers) as customer_count,
            (select count(*) from person_customers) as person_customer_count,
            (select count(*) from customer_values) as in_customer_value,
            (select count(*) from profiles) as in_customer_360,
            (select coalesce(sum(customer_count), 0) from campaigns) as in_campaign_performance,
            (select coalesce(sum(customer_count), 0) from concentration) as in_revenue_concentration,
            (select coalesce(sum(historic_value_amount_reporting), 0) from customer_values) as value_amount,
            (select coalesce(sum(revenue_amount_reporting), 0) from concentration) as concentration_amount
    ),

    differing as (
        select
            count(case when customers.person_id is null then 1 end) as only_converted_count,
            count(
                case when conversions.person_id is null and customers.first_purchase_kind <> 'deal' then 1 end
            ) as never_converted_count,
            count(case when customers.first_purchased_at > conversions.first_converted_at then 1 end) as later_count
        from conversions
        full outer join person_customers as customers on customers.person_id = conversions.person_id
    ),

    account_customers as (
        select account_persons.account_id, 'person' as customer_type
        from account_persons
        inner join customers on customers.person_id = account_persons.person_id
        union
        select account_id, customer_type
        from customers
        where customer_type = 'account'
    ),

    signed as (
        select
            won_deals.deal_id,
            count(customers.customer_id) as person_count,
            count(account_customers.account_id) as account_count
        from won_deals
        left join customers on customers.person_id = won_deals.person_id
        left join
            account_customers on won_deals.person_id is null and account_customers.account_id = won_deals.account_id
        where coalesce(won_deals.person_id, won_deals.account_id) is not null
        group by won_deals.deal_id
    ),

    -- Exactly one of the person, the people of the account, and the account.
    miscounted as (select count(*) as miscounted_deal_count from signed where person_count + account_count <> 1)

select *
from counts
cross join differing
cross join miscounted
where
    customer_count <> in_customer_value
    or person_customer_count <> in_customer_360
    or customer_count <> in_campaign_performance
    or customer_count <> in_revenue_concentration
    or value_amount <> concentration_amount
    or only_converted_count + never_converted_count + later_count + miscounted_deal_count > 0
