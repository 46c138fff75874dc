-- For an entity that never left the funnel, the days over all its stages are its age. Days are doubles, whose sum is
-- exact to a billionth of it.
with
    episodes as (select * from {{ ref("lifecycle_stage_history") }}),
    current_stages as (select * from {{ ref("lifecycle_current") }}),

    totals as (
        select
            lifecycle_model,
            entity_id,
            sum(duration_days) as days_in_stages,
            count(case when previous_stage is not null and pass_number > 1 then 1 end) as reentries,
            min(entered_at) as first_entered_at
        from episodes
        group by lifecycle_model, entity_id
    ),

    gaps as (
        select lifecycle_model, entity_id, count(*) as gap_count
        from
            (
                select
                    lifecycle_model,
                    entity_id,
                    exited_at,
                    lead(entered_at) over (
                        partition by lifecycle_model, entity_id order by entered_at asc nulls last
                    ) as next_entered_at
                from episodes
            ) as neighbours
        where next_entered_at > exited_at
        group by lifecycle_model, entity_id
    ),

    ages as (
        select
            totals.lifecycle_model,
            totals.entity_id,
            totals.days_in_stages,
            {{ days_between("totals.first_entered_at", as_of()) }} as age_days
        from totals
        inner join
            current_stages
            on current_stages.lifecycle_model = totals.lifecycle_model
            and current_stages.entity_id = totals.entity_id
        left join gaps on gaps.lifecycle_model = totals.lifecycle_model and gaps.entity_id = totals.entity_id
        where gaps.gap_count is null
    )

select *
from ages
where abs(days_in_stages - age_days) > 0.000000001 * age_days
