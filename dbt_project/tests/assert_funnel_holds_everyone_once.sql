-- In each breakdown the cohorts of a model hold everyone with a history once, and who is in a stage now is counted at
-- its furthest stage.
with
    funnel as (select * from {{ ref("lifecycle_funnel") }}),
    episodes as (select * from {{ ref("lifecycle_stage_history") }}),
    current_stages as (select * from {{ ref("lifecycle_current") }}),

    breakdowns as (select distinct breakdown from funnel),

    counts as (
        select breakdown, lifecycle_model, 'cohorts' as counted, sum(cohort_size) as in_funnel
        from funnel
        where step_number = 1
        group by breakdown, lifecycle_model
        union all
        select
            breakdown,
            lifecycle_model,
            'in a stage, furthest ' || stage as counted,
            sum(furthest_count - cleared_count) as in_funnel
        from funnel
        group by breakdown, lifecycle_model, stage
        union all
        select breakdown, lifecycle_model, 'lost, furthest ' || stage as counted, sum(lost_count) as in_funnel
        from funnel
        group by breakdown, lifecycle_model, stage
    ),

    facts as (
        select lifecycle_model, 'cohorts' as counted, count(distinct entity_id) as in_history
        from episodes
        group by lifecycle_model
        union all
        select lifecycle_model, 'in a stage, furthest ' || furthest_stage as counted, count(*) as in_history
        from current_stages
        where furthest_stage is not null
        group by lifecycle_model, furthest_stage
        union all
        select lifecycle_model, 'lost, furthest ' || furthest_stage as counted, count(*) as in_history
        from current_stages
        where furthest_stage is not null and stage_kind = 'lost'
        group by lifecycle_model, furthest_stage
    ),

    expected as (select breakdowns.breakdown, facts.* from facts cross join breakdowns)

select
    coalesce(counts.breakdown, expected.breakdown) as breakdown,
    coalesce(counts.lifecycle_model, expected.lifecycle_model) as lifecycle_model,
    coalesce(counts.counted, expected.counted) as counted,
    counts.in_funnel,
    expected.in_history
from counts
full outer join
    expected
    on expected.breakdown = counts.breakdown
    and expected.lifecycle_model = counts.lifecycle_model
    and expected.counted = counts.counted
where coalesce(counts.in_funnel, 0) <> coalesce(expected.in_history, 0)
