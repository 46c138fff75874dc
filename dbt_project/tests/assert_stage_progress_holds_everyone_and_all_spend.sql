-- Whoever entered a stage is in exactly one campaign and month of it, and each stage has all of the spend, except where
-- some of a campaign's spend in a month has no exchange rate.
with
    progress as (select * from {{ ref("campaign_stage_progress") }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }} where stage_kind = 'active'),
    campaigns as (select * from {{ ref("campaign_performance") }}),

    entered as (
        select lifecycle_model, stage, count(distinct entity_type || entity_id) as entity_count
        from episodes
        group by lifecycle_model, stage
    ),

    spent as (select coalesce(sum(spend_amount_reporting), 0) as spend from campaigns),

    reported as (
        select
            lifecycle_model,
            stage,
            sum(entered_count) as entity_count,
            coalesce(sum(spend_amount_reporting), 0) as spend
        from progress
        group by lifecycle_model, stage
    )

select coalesce(entered.lifecycle_model, reported.lifecycle_model) as lifecycle_model, entered.stage, reported.spend
from entered
full outer join reported on reported.lifecycle_model = entered.lifecycle_model and reported.stage = entered.stage
cross join spent
where
    entered.stage is null
    or reported.stage is null
    or reported.entity_count <> entered.entity_count
    or reported.spend <> spent.spend
