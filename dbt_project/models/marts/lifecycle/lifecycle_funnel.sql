{%- set zone = var("reporting_time_zone") -%}
with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    persons as (select * from {{ ref("dim_persons") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),

    steps as (
        select
            lifecycle_model,
            stage,
            stage_label_en,
            stage_label_fr,
            stage_order,
            row_number() over (partition by lifecycle_model order by stage_order asc nulls last)::int as step_number
        from stages
        where stage_kind = 'active'
    ),

    entities as (
        select
            lifecycle_model,
            entity_type,
            entity_id,
            min(entered_at) as lifecycle_entered_at,
            bool_or(is_current) as is_in_funnel,
            bool_or(is_current and stage_kind = 'lost') as is_lost
        from episodes
        group by lifecycle_model, entity_type, entity_id
    ),

    -- For an account, the channel of its first person.
    entity_channels as (
        select 'person' as entity_type, person_id as entity_id, {{ acquisition_channel("persons") }} as channel
        from persons
        union all
        select
            'account' as entity_type, accounts.account_id as entity_id, {{ acquisition_channel("persons") }} as channel
        from accounts
        inner join persons on persons.person_id = accounts.first_person_id
    ),

    cohort_members as (
        select
            entities.*,
            {{ channel_or_unknown("entity_channels.channel") }} as channel,
            cast(
                {{ dbt.date_trunc("month", local_time("entities.lifecycle_entered_at", zone)) }} as date
            ) as cohort_month
        from entities
        left join
            entity_channels
            on entity_channels.entity_type = entities.entity_type
            and entity_channels.entity_id = entities.entity_id
    ),

    channel_cohorts as (
        select lifecycle_model, cohort_month, channel, count(*) as cohort_size
        from cohort_members
        group by lifecycle_model, cohort_month, channel
    ),

    breakdowns as (
        select 'all' as breakdown, false as has_channel
        union all
        select 'channel' as breakdown, true as has_channel
    ),

    cohorts as (
        select
            breakdowns.breakdown,
            channel_cohorts.lifecycle_model,
            channel_cohorts.cohort_month,
            case when breakdowns.has_channel then channel_cohorts.channel else 'all' end as channel,
            {{ utc_time("channel_cohorts.cohort_month + interval '1' month", zone) }}
            + interval '{{ var("funnel_window_days") }}' day
            <= {{ as_of() }} as is_mature,
            sum(channel_cohorts.cohort_size)::bigint as cohort_size
        from channel_cohorts
        cross join breakdowns
        group by
            breakdowns.breakdown,
            channel_cohorts.lifecycle_model,
            channel_cohorts.cohort_month,
            case when breakdowns.has_channel then channel_cohorts.channel else 'all' end
    ),

    stage_entries as (
        select lifecycle_model, entity_id, stage_order, min(entered_at) as first_entered_at
        from episodes
        where stage_kind = 'active'
        group by lifecycle_model, entity_id, stage_order
    ),

    -- A step that an entity skipped was reached when it first entered a further one: each entry stands for the steps
    -- after `earlier_order` up to its own.
    reaches as (
        select
            lifecycle_model,
            entity_id,
            coalesce(lag(stage_order) over by_order, 0) as earlier_order,
            stage_order,
            lead(stage_order) over by_order is null as is_furthest,
            min(first_entered_at) over (
                partition by lifecycle_model, entity_id
                order by stage_order asc nulls last
                rows between current row and unbounded following
            ) as reached_at
        from stage_entries
        window by_order as (partition by lifecycle_model, entity_id order by stage_order asc nulls last)
    ),

    channel_reaches as (
        select
            cohort_members.lifecycle_model,
            cohort_members.cohort_month,
            cohort_members.channel,
            reaches.earlier_order,
            reaches.stage_order,
            count(*) as reached_count,
            count(
                case
                    when
                        reaches.reached_at
                        <= cohort_members.lifecycle_entered_at + interval '{{ var("funnel_window_days") }}' day
                    then 1
                end
            ) as reached_in_window_count,
            count(case when reaches.is_furthest then 1 end) as furthest_count,
            count(case when reaches.is_furthest and cohort_members.is_lost then 1 end) as lost_count,
            count(case when reaches.is_furthest and not cohort_members.is_in_funnel then 1 end) as cleared_count
        from reaches
        inner join
            cohort_members
            on cohort_members.lifecycle_model = reaches.lifecycle_model
            and cohort_members.entity_id = reaches.entity_id
        group by
            cohort_members.lifecycle_model,
            cohort_members.cohort_month,
            cohort_members.channel,
            reaches.earlier_order,
            reaches.stage_order
    ),

    reach_counts as (
        select
            breakdowns.breakdown,
            case when breakdowns.has_channel then channel_reaches.channel else 'all' end as counted_channel,
            channel_reaches.*
        from channel_reaches
        cross join breakdowns
    ),

    step_counts as (
        select
            cohorts.breakdown,
            cohorts.lifecycle_model,
            cohorts.cohort_month,
            cohorts.channel,
            cohorts.is_mature,
            cohorts.cohort_size,
            steps.step_number,
            steps.stage,
            steps.stage_label_en,
            steps.stage_label_fr,
            steps.stage_order,
            coalesce(sum(reach_counts.reached_count), 0)::bigint as reached_count,
            coalesce(sum(reach_counts.reached_in_window_count), 0)::bigint as reached_in_window_count,
            coalesce(
                sum(case when reach_counts.stage_order = steps.stage_order then reach_counts.furthest_count end), 0
            )::bigint as furthest_count,
            coalesce(
                sum(case when reach_counts.stage_order = steps.stage_order then reach_counts.lost_count end), 0
            )::bigint as lost_count,
            coalesce(
                sum(case when reach_counts.stage_order = steps.stage_order then reach_counts.cleared_count end), 0
            )::bigint as cleared_count
        from cohorts
        inner join steps on steps.lifecycle_model = cohorts.lifecycle_model
        left join
            reach_counts
            on reach_counts.breakdown = cohorts.breakdown
            and reach_counts.lifecycle_model = cohorts.lifecycle_model
            and reach_counts.cohort_month = cohorts.cohort_month
            and reach_counts.counted_channel = cohorts.channel
            and reach_counts.earlier_order < steps.stage_order
            and reach_counts.stage_order >= steps.stage_order
        group by
            cohorts.breakdown,
            cohorts.lifecycle_model,
            cohorts.cohort_month,
            cohorts.channel,
            cohorts.is_mature,
            cohorts.cohort_size,
            steps.step_number,
            steps.stage,
            steps.stage_label_en,
            steps.stage_label_fr,
            steps.stage_order
    ),

    followed as (
        select
            *,
            coalesce(
                lag(reached_count) over (
                    partition by breakdown, lifecycle_model, cohort_month, channel order by step_number asc nulls last
                ),
                cohort_size
            ) as reached_before_count
        from step_counts
    ),

    final as (
        select
            breakdown,
            lifecycle_model,
            cohort_month,
            channel as acquisition_channel,
            step_number,
            stage,
            stage_label_en,
            stage_label_fr,
            stage_order,
            is_mature,
            cohort_size,
            reached_count,
            reached_before_count,
            reached_count::double / nullif(cohort_size, 0) as conversion_rate,
            {{ wilson_interval("reached_count", "cohort_size", "conversion_rate") }},
            reached_count::double / nullif(reached_before_count, 0) as step_conversion_rate,
            {{ wilson_interval("reached_count", "reached_before_count", "step_conversion_rate") }},
            reached_in_window_count,
            reached_in_window_count::double / nullif(cohort_size, 0) as conversion_rate_in_window,
            {{ wilson_interval("reached_in_window_count", "cohort_size", "conversion_rate_in_window") }},
            furthest_count,
            lost_count,
            cleared_count
        from followed
    )

select *
from final
