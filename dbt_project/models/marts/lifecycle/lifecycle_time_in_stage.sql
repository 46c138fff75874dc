with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),

    passages as (
        select lifecycle_model, stage, count(*) as under_an_hour_count
        from episodes
        where not is_current and duration_days * 24 < 1
        group by lifecycle_model, stage
    ),

    durations as (
        {{
            kaplan_meier_quantiles(
                "episodes",
                ["lifecycle_model", "stage"],
                "duration_days",
                "not is_current",
                {"first_quartile_days": 0.25, "median_days": 0.5, "third_quartile_days": 0.75},
            )
        }}
    ),

    final as (
        select
            stages.lifecycle_model,
            stages.stage,
            {{ stage_words("stages") }},
            stages.stage_kind,
            coalesce(durations.subject_count, 0) as episode_count,
            coalesce(durations.observed_count, 0) as ended_count,
            coalesce(passages.under_an_hour_count, 0) as under_an_hour_count,
            coalesce(durations.open_count, 0) as open_count,
            durations.open_count::double / nullif(durations.subject_count, 0) as open_rate,
            {{ wilson_interval("durations.open_count", "durations.subject_count", "open_rate") }},
            durations.first_quartile_days,
            durations.median_days,
            durations.third_quartile_days
        from stages
        left join durations on durations.lifecycle_model = stages.lifecycle_model and durations.stage = stages.stage
        left join passages on passages.lifecycle_model = stages.lifecycle_model and passages.stage = stages.stage
    )

select *
from final
