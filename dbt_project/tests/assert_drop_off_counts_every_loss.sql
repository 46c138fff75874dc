-- Every loss of the stage history is in the drop-off report, once.
with
    drop_off as (select * from {{ ref("lifecycle_drop_off") }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),

    reported as (
        select lifecycle_model, lost_stage as stage, sum(lost_count) as loss_count
        from drop_off
        group by lifecycle_model, lost_stage
    ),

    happened as (
        select lifecycle_model, stage, count(*) as loss_count
        from episodes
        where stage_kind = 'lost'
        group by lifecycle_model, stage
    )

select
    coalesce(reported.lifecycle_model, happened.lifecycle_model) as lifecycle_model,
    coalesce(reported.stage, happened.stage) as stage,
    reported.loss_count as reported_count,
    happened.loss_count as happened_count
from reported
full outer join happened on happened.lifecycle_model = reported.lifecycle_model and happened.stage = reported.stage
where coalesce(reported.loss_count, 0) <> coalesce(happened.loss_count, 0)
