-- Every customer and every cent of spend is in each breakdown of the payback once.
with
    paybacks as (select * from {{ ref("acquisition_payback") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    reported as (
        select breakdown, sum(customer_count) as customer_count, sum(spend_amount_reporting) as spend_amount
        from paybacks
        group by breakdown
    ),

    counted as (select count(*) as customer_count from customers),

    spent as (select coalesce(sum(spend_amount_reporting), 0) as spend_amount from ad_spend),

    breakdowns as (
        select 'all' as breakdown
        union all
        select 'channel'
        union all
        select 'campaign'
    )

select breakdowns.breakdown, reported.customer_count, counted.customer_count as all_customers, reported.spend_amount
from breakdowns
cross join counted
cross join spent
left join reported on reported.breakdown = breakdowns.breakdown
where
    coalesce(reported.customer_count, 0) <> counted.customer_count
    or coalesce(reported.spend_amount, 0) <> spent.spend_amount
