-- Every person is in exactly one campaign and month, and so is every cent of spend, except where some of a campaign's
-- spend in a month has no exchange rate: there nobody knows the sum, and what is missing is counted.
with
    campaigns as (select * from {{ ref("campaign_performance") }}),
    persons as (select * from {{ ref("dim_persons") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),

    reported as (
        select
            coalesce(sum(person_count), 0) as people,
            coalesce(sum(spend_amount_reporting), 0) as spend,
            coalesce(sum(unconverted_spend_count), 0) as unconverted,
            count(case when (spend_amount_reporting is null) <> (unconverted_spend_count > 0) then 1 end) as unexplained
        from campaigns
    ),

    counted as (select count(*) as people from persons),

    spent_months as (
        select
            sum(spend_amount_reporting) as spend,
            count(case when spend_amount_reporting is null then 1 end) as unconverted
        from ad_spend
        group by campaign_id, {{ dbt.date_trunc("month", "spent_on") }}
    ),

    spent as (
        select
            coalesce(sum(case when unconverted = 0 then spend end), 0) as spend,
            coalesce(sum(unconverted), 0) as unconverted
        from spent_months
    )

select reported.*, counted.people as counted_people, spent.spend as spent, spent.unconverted as spent_unconverted
from reported
cross join counted
cross join spent
where
    reported.people <> counted.people
    or reported.spend <> spent.spend
    or reported.unconverted <> spent.unconverted
    or reported.unexplained > 0
