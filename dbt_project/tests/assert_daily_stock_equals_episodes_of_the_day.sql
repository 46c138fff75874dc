-- The stock of a day is the episodes that cover its end: counted on the last day, and on the twelve month ends before.
with
    daily as (select * from {{ ref("lifecycle_daily") }}),
    days as (select * from {{ ref("dim_days") }}),
    episodes as (select * from {{ ref("lifecycle_stage_history") }}),

    last_days as (select max(date_day) as date_day from days),

    counted_days as (
        select days.date_day
        from days
        cross join last_days
        where
            days.date_day = last_days.date_day
            or (
                {{ dbt.last_day("days.date_day", "month") }} = days.date_day
                and days.date_day >= last_days.date_day - interval '12' month
            )
    ),

    local_episodes as (
        select
            lifecycle_model,
            stage,
            {{ local_date("entered_at") }} as entered_on,
            {{ local_date("exited_at") }} as exited_on
        from episodes
    ),

    covering as (
        select local_episodes.lifecycle_model, local_episodes.stage, counted_days.date_day, count(*) as episode_count
        from local_episodes
        inner join
            counted_days
            on counted_days.date_day >= local_episodes.entered_on
            and (local_episodes.exited_on is null or local_episodes.exited_on > counted_days.date_day)
        group by local_episodes.lifecycle_model, local_episodes.stage, counted_days.date_day
    ),

    stock as (
        select daily.lifecycle_model, daily.stage, daily.date_day, daily.entities_in_stage
        from daily
        inner join counted_days on counted_days.date_day = daily.date_day
    )

select
    coalesce(stock.lifecycle_model, covering.lifecycle_model) as lifecycle_model,
    coalesce(stock.stage, covering.stage) as stage,
    coalesce(stock.date_day, covering.date_day) as date_day,
    stock.entities_in_stage,
    covering.episode_count
from stock
full outer join
    covering
    on covering.lifecycle_model = stock.lifecycle_model
    and covering.stage = stock.stage
    and covering.date_day = stock.date_day
where coalesce(stock.entities_in_stage, 0) <> coalesce(covering.episode_count, 0)
