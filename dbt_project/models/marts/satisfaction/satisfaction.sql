with
    answers as (select * from {{ ref("fct_survey_answers") }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }} where is_main_account),

    lifecycle_models as (select distinct lifecycle_model, entity_type from episodes),

    -- Half-open, and without a null: a join by comparisons alone stays a hash join.
    stays as (
        select
            lifecycle_model,
            entity_id,
            stage,
            entered_at,
            coalesce(exited_at, {{ as_of() }} + interval 1 day) as left_at
        from episodes
    ),

    dated as (
        select
            answers.*,
            cast({{ dbt.date_trunc("month", local_date("responded_at")) }} as date) as month,
            {{ channel_or_unknown("order_channel") }} as channel
        from answers
    ),

    staged as (
        select
            dated.*,
            lifecycle_models.lifecycle_model,
            case
                when lifecycle_models.entity_type = 'account' then account_persons.account_id else dated.person_id
            end as entity_id
        from dated
        cross join lifecycle_models
        left join account_persons on account_persons.person_id = dated.person_id
    ),

    in_stage as (
        select staged.*, coalesce(stays.stage, 'none') as stage
        from staged
        left join
            stays
            on stays.entity_id = staged.entity_id
            and stays.lifecycle_model = staged.lifecycle_model
            and stays.entered_at <= staged.responded_at
            and stays.left_at > staged.responded_at
    ),

    broken_down as (
        select
            'all' as breakdown,
            'all' as lifecycle_model,
            'all' as stage,
            'all' as channel,
            month,
            survey_type,
            score,
            is_top_box,
            is_promoter,
            is_detractor
        from dated
        union all
        select
            'channel' as breakdown,
            'all' as lifecycle_model,
            'all' as stage,
            channel,
            month,
            survey_type,
            score,
            is_top_box,
            is_promoter,
            is_detractor
        from dated
        union all
        select
            'stage' as breakdown,
            lifecycle_model,
            stage,
            'all' as channel,
            month,
            survey_type,
            score,
            is_top_box,
            is_promoter,
            is_detractor
        from in_stage
    ),

    periods as (
        select *
        from broken_down
        union all
        select
            breakdown,
            lifecycle_model,
            stage,
            channel,
            null as month,
            survey_type,
            score,
            is_top_box,
            is_promoter,
            is_detractor
        from broken_down
    ),

    counted as (
        select
            breakdown,
            month,
            survey_type,
            lifecycle_model,
            stage,
            channel,
            count(*) as answer_count,
            count(case when is_top_box then 1 end) as top_box_count,
            count(case when is_promoter then 1 end) as promoter_count,
            count(case when is_detractor then 1 end) as detractor_count,
            avg(score::double) as mean_score
        from periods
        group by breakdown, month, survey_type, lifecycle_model, stage, channel
    ),

    rated as (
        select
            *,
            case
                when survey_type = 'nps' then (promoter_count - detractor_count)::double / nullif(answer_count, 0)
            end as net_rate
        from counted
    ),

    -- The interval of NPS is that of the mean of answers that are worth 1, 0 or -1.
    spread as (
        select
            *,
            case
                when survey_type = 'nps'
                then
                    1.959963984540054 * sqrt(
                        greatest(
                            (promoter_count + detractor_count)::double / nullif(answer_count, 0) - net_rate * net_rate,
                            0
                        )
                        / nullif(answer_count, 0)
                    )
            end as net_rate_spread
        from rated
    ),

    final as (
        select
            {{
                surrogate_key(
                    ["breakdown", "month", "survey_type", "spread.lifecycle_model", "spread.stage", "channel"]
                )
            }} as satisfaction_id,
            spread.breakdown,
            spread.month,
            spread.survey_type,
            spread.lifecycle_model,
            spread.stage,
            case when spread.breakdown = 'stage' then coalesce(stages.stage_label_en, 'No stage') end as stage_label_en,
            case
                when spread.breakdown = 'stage' then coalesce(stages.stage_label_fr, 'Aucune étape')
            end as stage_label_fr,
            case when spread.breakdown = 'stage' then coalesce(stages.stage_order, 0) end as stage_order,
            spread.channel,
            spread.answer_count,
            spread.answer_count < 30 as is_small,
            spread.mean_score,
            spread.top_box_count,
            spread.top_box_count::double / nullif(spread.answer_count, 0) as top_box_rate,
            {{ wilson_interval("spread.top_box_count", "spread.answer_count", "top_box_rate") }},
            spread.promoter_count,
            spread.detractor_count,
            100 * spread.net_rate as nps,
            case
                when spread.survey_type = 'nps' then 100 * greatest(spread.net_rate - spread.net_rate_spread, -1)
            end as nps_lower,
            case
                when spread.survey_type = 'nps' then 100 * least(spread.net_rate + spread.net_rate_spread, 1)
            end as nps_upper
        from spread
        left join stages on stages.lifecycle_model = spread.lifecycle_model and stages.stage = spread.stage
    )

select *
from final
