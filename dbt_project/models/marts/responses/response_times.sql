with
    waits as (select * from {{ ref("fct_response_times") }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),

    summaries as ({{ response_time_summary("waits", "episodes", "account_persons") }}),

    final as (
        select
            summaries.summary_id,
            summaries.breakdown,
            summaries.month,
            summaries.lifecycle_model,
            summaries.stage,
            case
                when summaries.breakdown = 'stage' then coalesce(stages.stage_label_en, 'No stage')
            end as stage_label_en,
            case
                when summaries.breakdown = 'stage' then coalesce(stages.stage_label_fr, 'Aucune étape')
            end as stage_label_fr,
            case when summaries.breakdown = 'stage' then coalesce(stages.stage_order, 0) end as stage_order,
            summaries.channel,
            summaries.agent_id,
            summaries.wait_count,
            summaries.answered_count,
            summaries.unanswered_count,
            summaries.answered_rate,
            summaries.answered_rate_lower,
            summaries.answered_rate_upper,
            summaries.median_seconds,
            summaries.p90_seconds,
            summaries.median_business_seconds,
            summaries.p90_business_seconds
        from summaries
        left join stages on stages.lifecycle_model = summaries.lifecycle_model and stages.stage = summaries.stage
    )

select *
from final
