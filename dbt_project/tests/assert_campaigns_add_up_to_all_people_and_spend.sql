-- Every person and every cent of spend is in exactly one campaign and month.
with
    campaigns as (select * from {{ ref("campaign_performance") }}),
    persons as (select * from {{ ref("dim_persons") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    reported as (
        select coalesce(sum(person_count), 0) as people, coalesce(sum(spend_amount_reporting), 0) as spend
        from campaigns
    ),

    counted as (select count(*) as people from persons),

    spent as (select coalesce(sum(spend_amount_reporting), 0) as spend from ad_spend)

select reported.people as reported_people, counted.people, reported.spend as reported_spend, spent.spend
from reported
cross join counted
cross join spent
where reported.people <> counted.people or reported.spend <> spent.spend
