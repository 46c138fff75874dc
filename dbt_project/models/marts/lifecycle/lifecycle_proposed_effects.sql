with
    current_episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    proposed_episodes as (select * from {{ ref("fct_lifecycle_episodes_proposed") }}),
    current_stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    proposed_stages as (select * from {{ ref("dim_lifecycle_proposed_stages") }}),

    proposals as (select distinct proposed_model, current_model from proposed_stages),

    -- Both versions of the model one below the other, so that every figure is made once and in the same way.
    stages as (
        select
            proposals.proposed_model,
            'current' as version,
            current_stages.stage,
            current_stages.stage_kind,
            current_stages.stage_order,
            current_stages.stage_label_en,
            current_stages.stage_label_fr
        from proposals
        inner join current_stages on current_stages.lifecycle_model = proposals.current_model
        union all
        select proposed_model, 'proposed' as version, stage, stage_kind, stage_order, stage_label_en, stage_label_fr
        from proposed_stages
    ),

    episodes as (
        select
            proposals.proposed_model,
            'current' as version,
            current_episodes.entity_id,
            current_episodes.stage,
            current_episodes.stage_kind,
            current_episodes.stage_order,
            current_episodes.is_current,
            current_episodes.duration_days
        from proposals
        inner join current_episodes on current_episodes.lifecycle_model = proposals.current_model
        union all
        select
            proposals.proposed_model,
            'proposed' as version,
            proposed_episodes.entity_id,
            proposed_episodes.stage,
            proposed_episodes.stage_kind,
            proposed_episodes.stage_order,
            proposed_episodes.is_current,
            proposed_episodes.duration_days
        from proposals
        inner join proposed_episodes on proposed_episodes.lifecycle_model = proposals.proposed_model
    ),

    entities as (
        select
            proposed_model,
            version,
            entity_id,
            max(case when stage_kind = 'active' then stage_order end) as furthest_stage_order
        from episodes
        group by proposed_model, version, entity_id
    ),

    entity_counts as (
        select proposed_model, version, furthest_stage_order, count(*) as entity_count
        from entities
        group by proposed_model, version, furthest_stage_order
    ),

    visits as (
        select
            proposed_model,
            version,
            stage,
            count(case when is_current then 1 end) as in_stage_count,
            count(distinct entity_id) as visited_count
        from episodes
        group by proposed_model, version, stage
    ),

    durations as (
        {{
            kaplan_meier_quantiles(
                "episodes",
                ["proposed_model", "version", "stage"],
                "duration_days",
                "not is_current",
                {"median_days": 0.5},
            )
        }}
    ),

    reaches as (
        select
            stages.proposed_model,
            stages.version,
            stages.stage,
            sum(entity_counts.entity_count)::bigint as entity_count,
            sum(
                case when entity_counts.furthest_stage_order >= stages.stage_order then entity_counts.entity_count end
            )::bigint as came_as_far_count
        from stages
        inner join
            entity_counts
            on entity_counts.proposed_model = stages.proposed_model
            and entity_counts.version = stages.version
        group by stages.proposed_model, stages.version, stages.stage
    ),

    figures as (
        select
            stages.proposed_model,
            stages.version,
            stages.stage,
            stages.stage_kind,
            stages.stage_order,
            stages.stage_label_en,
            stages.stage_label_fr,
            coalesce(visits.in_stage_count, 0) as in_stage_count,
            case
                when stages.stage_kind = 'active'
                then coalesce(reaches.came_as_far_count, 0)
                else coalesce(visits.visited_count, 0)
            end as reached_count,
            reaches.entity_count,
            durations.median_days
        from stages
        left join
            reaches
            on reaches.proposed_model = stages.proposed_model
            and reaches.version = stages.version
            and reaches.stage = stages.stage
        left join
            visits
            on visits.proposed_model = stages.proposed_model
            and visits.version = stages.version
            and visits.stage = stages.stage
        left join
            durations
            on durations.proposed_model = stages.proposed_model
            and durations.version = stages.version
            and durations.stage = stages.stage
    ),

    as_it_is as (select * from figures where version = 'current'),

    as_proposed as (select * from figures where version = 'proposed'),

    compared as (
        select
            coalesce(as_proposed.proposed_model, as_it_is.proposed_model) as proposed_model,
            coalesce(as_proposed.stage, as_it_is.stage) as stage,
            coalesce(as_proposed.stage_label_en, as_it_is.stage_label_en) as stage_label_en,
            coalesce(as_proposed.stage_label_fr, as_it_is.stage_label_fr) as stage_label_fr,
            coalesce(as_proposed.stage_order, as_it_is.stage_order) as stage_order,
            as_it_is.stage_kind as current_stage_kind,
            as_proposed.stage_kind as proposed_stage_kind,
            as_it_is.stage_order as current_stage_order,
            as_proposed.stage_order as proposed_stage_order,
            coalesce(as_it_is.in_stage_count, 0) as current_entities_in_stage,
            coalesce(as_proposed.in_stage_count, 0) as proposed_entities_in_stage,
            coalesce(as_it_is.reached_count, 0) as current_reached_count,
            coalesce(as_proposed.reached_count, 0) as proposed_reached_count,
            as_it_is.reached_count::double / nullif(as_it_is.entity_count, 0) as current_conversion_rate,
            {{ wilson_interval("as_it_is.reached_count", "as_it_is.entity_count", "current_conversion_rate") }},
            as_proposed.reached_count::double / nullif(as_proposed.entity_count, 0) as proposed_conversion_rate,
            {{ wilson_interval("as_proposed.reached_count", "as_proposed.entity_count", "proposed_conversion_rate") }},
            as_it_is.median_days as current_median_days,
            as_proposed.median_days as proposed_median_days
        from as_it_is
        full outer join
            as_proposed on as_proposed.proposed_model = as_it_is.proposed_model and as_proposed.stage = as_it_is.stage
    ),

    final as (
        select
            compared.proposed_model,
            proposals.current_model,
            compared.stage,
            compared.stage_label_en,
            compared.stage_label_fr,
            compared.stage_order,
            compared.current_stage_kind,
            compared.proposed_stage_kind,
            compared.current_stage_order,
            compared.proposed_stage_order,
            compared.current_entities_in_stage,
            compared.proposed_entities_in_stage,
            compared.proposed_entities_in_stage - compared.current_entities_in_stage as entities_in_stage_change,
            compared.current_reached_count,
            compared.proposed_reached_count,
            compared.current_conversion_rate,
            compared.current_conversion_rate_lower,
            compared.current_conversion_rate_upper,
            compared.proposed_conversion_rate,
            compared.proposed_conversion_rate_lower,
            compared.proposed_conversion_rate_upper,
            compared.current_median_days,
            compared.proposed_median_days
        from compared
        inner join proposals on proposals.proposed_model = compared.proposed_model
    )

select *
from final
