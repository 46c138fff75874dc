{#-
    Waits by month and over all months, each as a whole and broken down by channel, agent and stage, with quantiles by
    Kaplan and Meier: an unanswered wait counts as one that lasted at least that long. Stage is that of the person, or of
    their main account, at the start of the wait, in each stage model.

    `waits`, `episodes`, `account_persons`: relations with the columns of fct_response_times, fct_lifecycle_episodes and
    bridge_account_persons.

    One row per breakdown, month and value; a column is null where the row does not break down by it, `none` (of a
    channel: `unknown`) where the wait has no value.
-#}
{% macro response_time_summary(waits, episodes, account_persons) -%}
    {%- set quantiles = {"median_seconds": 0.5, "p90_seconds": 0.9} -%}
    {%- set text = dbt.type_string() %}
    with
        lifecycle_models as (select distinct lifecycle_model, entity_type from {{ episodes }}),

        -- Half-open, and without a null: a join by comparisons alone stays a hash join.
        stays as (
            select
                lifecycle_model,
                entity_id,
                stage,
                entered_at,
                coalesce(exited_at, {{ as_of() }} + interval 1 day) as left_at
            from {{ episodes }}
        ),

        main_accounts as (select person_id, account_id from {{ account_persons }} where is_main_account),

        started as (
            select
                wait_id,
                person_id,
                is_answered,
                response_seconds,
                business_response_seconds,
                waiting_since_at,
                cast({{ dbt.date_trunc("month", local_date("waiting_since_at")) }} as date) as month,
                {{ channel_or_unknown("channel") }} as channel,
                coalesce(agent_id, 'none') as agent_id
            from {{ waits }}
        ),

        staged as (
            select
                started.*,
                lifecycle_models.lifecycle_model,
                case
                    when lifecycle_models.entity_type = 'account' then main_accounts.account_id else started.person_id
                end as entity_id
            from started
            cross join lifecycle_models
            left join main_accounts on main_accounts.person_id = started.person_id
        ),

        in_stage as (
            select staged.*, coalesce(stays.stage, 'none') as stage
            from staged
            left join
                stays
                on stays.entity_id = staged.entity_id
                and stays.lifecycle_model = staged.lifecycle_model
                and stays.entered_at <= staged.waiting_since_at
                and stays.left_at > staged.waiting_since_at
        ),

        broken_down as (
            select
                'all' as breakdown,
                cast(null as {{ text }}) as lifecycle_model,
                cast(null as {{ text }}) as stage,
                cast(null as {{ text }}) as channel,
                cast(null as {{ text }}) as agent_id,
                month,
                is_answered,
                response_seconds,
                business_response_seconds
            from started
            union all
            select
                'channel' as breakdown,
                null as lifecycle_model,
                null as stage,
                channel,
                null as agent_id,
                month,
                is_answered,
                response_seconds,
                business_response_seconds
            from started
            union all
            select
                'agent' as breakdown,
                null as lifecycle_model,
                null as stage,
                null as channel,
                agent_id,
                month,
                is_answered,
                response_seconds,
                business_response_seconds
            from started
            union all
            select
                'stage' as breakdown,
                lifecycle_model,
                stage,
                null as channel,
                null as agent_id,
                month,
                is_answered,
                response_seconds,
                business_response_seconds
            from in_stage
        ),

        -- Whether for a month or for all of them, a wait goes through the quantiles with a short key. The text key is
        -- made once for each row of the result.
        keyed as (
            select
                *,
                {{ row_fingerprint(["breakdown", "lifecycle_model", "stage", "channel", "agent_id", "month"]) }}
                as month_key,
                {{ row_fingerprint(["breakdown", "lifecycle_model", "stage", "channel", "agent_id"]) }} as whole_key
            from broken_down
        ),

        periods as (
            select month_key as period_key, is_answered, response_seconds, business_response_seconds
            from keyed
            union all
            select whole_key as period_key, is_answered, response_seconds, business_response_seconds
            from keyed
        ),

        wall_clock as (
            {{ kaplan_meier_quantiles("periods", ["period_key"], "response_seconds", "is_answered", quantiles) }}
        ),

        business_hours as (
            {{
                kaplan_meier_quantiles(
                    "periods", ["period_key"], "business_response_seconds", "is_answered", quantiles
                )
            }}
        ),

        monthly as (
            select
                month_key,
                whole_key,
                breakdown,
                month,
                lifecycle_model,
                stage,
                channel,
                agent_id,
                count(*) as wait_count,
                count(case when is_answered then 1 end) as answered_count
            from keyed
            group by month_key, whole_key, breakdown, month, lifecycle_model, stage, channel, agent_id
        ),

        counted as (
            select
                month_key as period_key,
                breakdown,
                month,
                lifecycle_model,
                stage,
                channel,
                agent_id,
                wait_count,
                answered_count
            from monthly
            union all
            select
                whole_key as period_key,
                breakdown,
                null as month,
                lifecycle_model,
                stage,
                channel,
                agent_id,
                sum(wait_count)::bigint as wait_count,
                sum(answered_count)::bigint as answered_count
            from monthly
            group by whole_key, breakdown, lifecycle_model, stage, channel, agent_id
        ),

        summaries as (
            select
                {{ surrogate_key(["breakdown", "lifecycle_model", "stage", "channel", "agent_id", "month"]) }}
                as summary_id,
                *
            from counted
        )

    select
        summaries.summary_id,
        summaries.breakdown,
        summaries.month,
        summaries.lifecycle_model,
        summaries.stage,
        summaries.channel,
        summaries.agent_id,
        summaries.wait_count,
        summaries.answered_count,
        summaries.wait_count - summaries.answered_count as unanswered_count,
        summaries.answered_count::double / nullif(summaries.wait_count, 0) as answered_rate,
        {{ wilson_interval("summaries.answered_count", "summaries.wait_count", "answered_rate") }},
        wall_clock.median_seconds,
        wall_clock.p90_seconds,
        business_hours.median_seconds as median_business_seconds,
        business_hours.p90_seconds as p90_business_seconds
    from summaries
    left join wall_clock on wall_clock.period_key = summaries.period_key
    left join business_hours on business_hours.period_key = summaries.period_key
{%- endmacro %}
