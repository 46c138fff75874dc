-- Every customer is in each breakdown of the payback once, and so is every cent of spend, except where some of a row's
-- spend has no exchange rate: there nobody knows the sum, and what is missing is counted.
with
    paybacks as (select * from {{ ref("acquisition_payback") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    reported as (
        select
            breakdown,
            sum(customer_count) as customer_count,
            coalesce(sum(spend_amount_reporting), 0) as spend_amount,
            sum(unconverted_spend_count) as unconverted
        from paybacks
        group by breakdown
    ),

    counted as (select count(*) as customer_count from customers),

    breakdowns as (
        select 'all' as breakdown
        union all
        select 'channel' as breakdown
        union all
        select 'campaign' as breakdown
    ),

    spent_months as (
        select
            breakdowns.breakdown,
            sum(ad_spend.spend_amount_reporting) as spend_amount,
            count(case when ad_spend.spend_amount_reporting is null then 1 end) as unconverted
        from ad_spend
        cross join breakdowns
        group by
            breakdowns.breakdown,
            {{ dbt.date_trunc("month", "ad_spend.spent_on") }},
            case when breakdowns.breakdown <> 'all' then ad_spend.platform end,
            case when breakdowns.breakdown = 'campaign' then ad_spend.campaign_id end
    ),

    spent as (
        select
            breakdown,
            coalesce(sum(case when unconverted = 0 then spend_amount end), 0) as spend_amount,
            sum(unconverted) as unconverted
        from spent_months
        group by breakdown
    )

select
    breakdowns.breakdown,
    reported.customer_count,
    counted.customer_count as all_customers,
    reported.spend_amount,
    spent.spend_amount as all_spend,
    reported.unconverted,
    spent.unconverted as all_unconverted
from breakdowns
cross join counted
left join reported on reported.breakdown = breakdowns.breakdown
left join spent on spent.breakdown = breakdowns.breakdown
where
    coalesce(reported.customer_count, 0) <> counted.customer_count
    or coalesce(reported.spend_amount, 0) <> coalesce(spent.spend_amount, 0)
    or coalesce(reported.unconverted, 0) <> coalesce(spent.unconverted, 0)
