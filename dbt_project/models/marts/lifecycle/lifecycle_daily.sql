with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    days as (select * from {{ ref("dim_days") }}),

    entries as (
        select lifecycle_model, stage, {{ local_date("entered_at") }} as date_day, count(*) as entered_count
        from episodes
        group by lifecycle_model, stage, {{ local_date("entered_at") }}
    ),

    exits as (
        select lifecycle_model, stage, {{ local_date("exited_at") }} as date_day, count(*) as left_count
        from episodes
        where exited_at is not null
        group by lifecycle_model, stage, {{ local_date("exited_at") }}
    ),

    first_days as (select lifecycle_model, min(date_day) as date_day from entries group by lifecycle_model),

    -- Every stage on every day of its model, even if nothing moved.
    moves as (
        select lifecycle_model, stage, date_day, entered_count, 0 as left_count
        from entries
        union all
        select lifecycle_model, stage, date_day, 0 as entered_count, left_count
        from exits
        union all
        select stages.lifecycle_model, stages.stage, days.date_day, 0 as entered_count, 0 as left_count
        from stages
        inner join first_days on first_days.lifecycle_model = stages.lifecycle_model
        inner join days on days.date_day >= first_days.date_day
    ),

    moves_by_day as (
        select
            lifecycle_model,
            stage,
            date_day,
            sum(entered_count)::bigint as entered_count,
            sum(left_count)::bigint as left_count
        from moves
        group by lifecycle_model, stage, date_day
    ),

    final as (
        select
            moves_by_day.lifecycle_model,
            moves_by_day.stage,
            {{ stage_words("stages") }},
            moves_by_day.date_day,
            sum(moves_by_day.entered_count - moves_by_day.left_count) over (
                partition by moves_by_day.lifecycle_model, moves_by_day.stage
                order by moves_by_day.date_day asc nulls last
                rows between unbounded preceding and current row
            )::bigint as entities_in_stage,
            moves_by_day.entered_count,
            moves_by_day.left_count
        from moves_by_day
        inner join stages on stages.lifecycle_model = moves_by_day.lifecycle_model and stages.stage = moves_by_day.stage
    )

select *
from final
