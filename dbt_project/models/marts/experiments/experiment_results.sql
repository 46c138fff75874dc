{%- set z = 1.959963984540054 -%}
{%- set window_days = var("experiments")["window_days"] -%}

with
    assignments as (select * from {{ ref("fct_experiment_assignments") }}),
    conversions as (
        select *
        from {{ ref("fct_conversions") }}
        where entity_type = 'person' and conversion_kind in ({{ quoted_list(var("experiments")["conversions"]) }})
    ),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    arms as (
        select
            experiment,
            arm,
            bool_or(is_control) as is_control,
            max(planned_share) as planned_share,
            count(case when arm_count = 1 then 1 end) as assigned_count,
            min(assigned_at) as first_assigned_at,
            max(assigned_at) as last_assigned_at
        from assignments
        group by experiment, arm
    ),

    experiments as (
        select
            experiment,
            count(*) as arm_count,
            count(case when is_control then 1 end) as control_count,
            sum(assigned_count) as assigned_count,
            -- A plan is one of all arms, or none.
            case when count(*) = count(planned_share) then sum(planned_share) end as planned_total,
            min(first_assigned_at) as first_assigned_at,
            max(last_assigned_at) as last_assigned_at
        from arms
        group by experiment
    ),

    -- Each of them stands in every arm that they were drawn into.
    in_several_arms as (
        select experiment, round(sum(1::double / nullif(arm_count, 0)))::bigint as person_count
        from assignments
        where arm_count > 1
        group by experiment
    ),

    expected as (
        select
            arms.*,
            experiments.assigned_count * case
                when experiments.planned_total is null
                then 1::double / nullif(experiments.arm_count, 0)
                else arms.planned_share / nullif(experiments.planned_total, 0)
            end as expected_count
        from arms
        inner join experiments on experiments.experiment = arms.experiment
    ),

    sample_ratios as (
        select
            experiment,
            sum(power(assigned_count - expected_count, 2) / nullif(expected_count, 0)) as chi_square,
            count(*) - 1 as degrees_of_freedom
        from expected
        group by experiment
    ),

    followed as (
        select
            *,
            assigned_at + interval '{{ window_days }}' day as window_ends_at,
            assigned_at + interval '{{ window_days }}' day <= {{ as_of() }} as is_window_over
        from assignments
        where arm_count = 1
    ),

    converted as (
        select distinct followed.assignment_id
        from followed
        inner join
            conversions
            on conversions.entity_id = followed.person_id
            and conversions.converted_at > followed.assigned_at
            and conversions.converted_at <= followed.window_ends_at
    ),

    revenues as (
        select
            followed.assignment_id,
            case
                when count(*) = count(revenue_entries.amount_reporting)
                then sum(revenue_entries.amount_reporting)::double
            end as revenue_amount
        from followed
        inner join
            revenue_entries
            on revenue_entries.person_id = followed.person_id
            and revenue_entries.order_view_at > followed.assigned_at
            and revenue_entries.order_view_at <= followed.window_ends_at
        group by followed.assignment_id
    ),

    -- Whoever was drawn counts, whether or not anything reached them; null: not known.
    outcomes as (
        select
            followed.experiment,
            followed.arm,
            followed.is_window_over,
            'conversion' as metric,
            case when converted.assignment_id is null then 0::double else 1::double end as outcome
        from followed
        left join converted on converted.assignment_id = followed.assignment_id
        union all
        select
            followed.experiment,
            followed.arm,
            followed.is_window_over,
            'revenue' as metric,
            case when revenues.assignment_id is null then 0::double else revenues.revenue_amount end as outcome
        from followed
        left join revenues on revenues.assignment_id = followed.assignment_id
    ),

    summarized as (
        select
            experiment,
            arm,
            metric,
            count(case when not is_window_over then 1 end) as open_window_count,
            count(case when is_window_over and outcome is null then 1 end) as unknown_count,
            count(case when is_window_over then outcome end) as person_count,
            case when metric = 'conversion' then sum(case when is_window_over then outcome end) end as converted_count,
            avg(case when is_window_over then outcome end::double) as mean_outcome,
            case
                when metric = 'conversion'
                then var_pop(case when is_window_over then outcome end)
                else var_samp(case when is_window_over then outcome end)
            end as variance
        from outcomes
        group by experiment, arm, metric
    ),

    measured as (
        select
            *,
            {{ wilson_interval("converted_count", "person_count", "mean") }},
            variance / nullif(person_count, 0) as squared_error
        from summarized
    ),

    controls as (
        select arms.experiment, arms.arm, arms.assigned_count
        from arms
        inner join experiments on experiments.experiment = arms.experiment
        where arms.is_control and experiments.control_count = 1
    ),

    metrics as (
        select 'conversion' as metric
        union all
        select 'revenue' as metric
    ),

    paired as (
        select
            arms.experiment,
            arms.arm,
            metrics.metric,
            controls.arm as control_arm,
            experiments.first_assigned_at,
            experiments.last_assigned_at,
            arms.assigned_count,
            controls.assigned_count as control_assigned_count,
            coalesce(in_several_arms.person_count, 0) as several_arms_count,
            coalesce(treated.open_window_count, 0) + coalesce(untreated.open_window_count, 0) as open_window_count,
            coalesce(treated.unknown_count, 0) + coalesce(untreated.unknown_count, 0) as unknown_count,
            coalesce(treated.person_count, 0) as person_count,
            coalesce(untreated.person_count, 0) as control_person_count,
            treated.mean_outcome,
            untreated.mean_outcome as control_mean_outcome,
            treated.mean_lower,
            treated.mean_upper,
            untreated.mean_lower as control_mean_lower,
            untreated.mean_upper as control_mean_upper,
            treated.squared_error,
            untreated.squared_error as control_squared_error,
            {{ chi_square_tail("sample_ratios.chi_square", "sample_ratios.degrees_of_freedom") }}
            as sample_ratio_p_value,
            case
                when experiments.control_count <> 1
                then experiments.control_count || ' arms are called control, one is needed'
                when least(coalesce(treated.person_count, 0), coalesce(untreated.person_count, 0)) < 30
                then
                    'the window of '
                    || least(coalesce(treated.person_count, 0), coalesce(untreated.person_count, 0))
                    || ' people of an arm is over, at least 30 are needed'
                when metrics.metric = 'revenue' and treated.squared_error = 0 and untreated.squared_error = 0
                then 'revenue does not vary'
            end as hidden_reason
        from arms
        inner join experiments on experiments.experiment = arms.experiment
        inner join sample_ratios on sample_ratios.experiment = arms.experiment
        cross join metrics
        left join in_several_arms on in_several_arms.experiment = arms.experiment
        left join controls on controls.experiment = arms.experiment
        left join
            measured as treated
            on treated.experiment = arms.experiment
            and treated.arm = arms.arm
            and treated.metric = metrics.metric
        left join
            measured as untreated
            on untreated.experiment = controls.experiment
            and untreated.arm = controls.arm
            and untreated.metric = metrics.metric
        where not arms.is_control or experiments.control_count <> 1
    ),

    -- Welch's degrees of freedom; none where nothing varies.
    with_degrees as (
        select
            *,
            mean_outcome - control_mean_outcome as observed_difference,
            power(squared_error + control_squared_error, 2) / nullif(
                power(squared_error, 2) / nullif(person_count - 1, 0)
                + power(control_squared_error, 2) / nullif(control_person_count - 1, 0),
                0
            ) as degrees_of_freedom,
            case
                when mean_outcome > 0 and control_mean_outcome > 0
                then
                    sqrt(
                        squared_error / nullif(power(mean_outcome, 2), 0)
                        + control_squared_error / nullif(power(control_mean_outcome, 2), 0)
                    )
            end as ratio_error
        from paired
    ),

    with_intervals as (
        select
            *,
            case
                metric
                when 'conversion'
                then
                    observed_difference
                    - sqrt(power(mean_outcome - mean_lower, 2) + power(control_mean_upper - control_mean_outcome, 2))
                else
                    observed_difference
                    - {{ student_quantile("degrees_of_freedom") }} * sqrt(squared_error + control_squared_error)
            end as observed_difference_lower,
            case
                metric
                when 'conversion'
                then
                    observed_difference
                    + sqrt(power(mean_upper - mean_outcome, 2) + power(control_mean_outcome - control_mean_lower, 2))
                else
                    observed_difference
                    + {{ student_quantile("degrees_of_freedom") }} * sqrt(squared_error + control_squared_error)
            end as observed_difference_upper
        from with_degrees
    ),

    final as (
        select
            experiment,
            arm,
            metric,
            control_arm,
            first_assigned_at,
            last_assigned_at,
            {{ window_days }} as window_days,
            {{ reporting_currency() }} as reporting_currency,
            assigned_count,
            control_assigned_count,
            several_arms_count,
            open_window_count,
            unknown_count,
            person_count,
            control_person_count,
            round(mean_outcome, 6) as mean_outcome,
            round(control_mean_outcome, 6) as control_mean_outcome,
            case when hidden_reason is null then round(observed_difference, 6) end as difference,
            case when hidden_reason is null then round(observed_difference_lower, 6) end as difference_lower,
            case when hidden_reason is null then round(observed_difference_upper, 6) end as difference_upper,
            case
                when hidden_reason is null and ratio_error is not null
                then round(mean_outcome / nullif(control_mean_outcome, 0) - 1, 6)
            end as relative_difference_ratio,
            case
                when hidden_reason is null and ratio_error is not null
                then round(mean_outcome / nullif(control_mean_outcome, 0) * exp(-{{ z }} * ratio_error) - 1, 6)
            end as relative_difference_ratio_lower,
            case
                when hidden_reason is null and ratio_error is not null
                then round(mean_outcome / nullif(control_mean_outcome, 0) * exp({{ z }} * ratio_error) - 1, 6)
            end as relative_difference_ratio_upper,
            case
                when hidden_reason is null then observed_difference_lower > 0 or observed_difference_upper < 0
            end as is_significant,
            round(sample_ratio_p_value, 6) as sample_ratio_p_value,
            sample_ratio_p_value < 0.001 as has_sample_ratio_mismatch,
            hidden_reason
        from with_intervals
    )

select *
from final
