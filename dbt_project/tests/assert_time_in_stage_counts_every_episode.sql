-- Every episode is counted at its stage, and as open while it lasts.
with
    times as (select * from {{ ref("lifecycle_time_in_stage") }}),
    episodes as (select * from {{ ref("lifecycle_stage_history") }}),

    counted as (
        select
            lifecycle_model,
            stage,
            count(*) as episode_count,
            count(case when exited_at is null then 1 end) as open_count
        from episodes
        group by lifecycle_model, stage
    )

select
    coalesce(times.lifecycle_model, counted.lifecycle_model) as lifecycle_model,
    coalesce(times.stage, counted.stage) as stage,
    times.episode_count as reported_episode_count,
    counted.episode_count,
    times.open_count as reported_open_count,
    counted.open_count
from times
full outer join counted on counted.lifecycle_model = times.lifecycle_model and counted.stage = times.stage
where
    coalesce(times.episode_count, 0) <> coalesce(counted.episode_count, 0)
    or coalesce(times.open_count, 0) <> coalesce(counted.open_count, 0)
