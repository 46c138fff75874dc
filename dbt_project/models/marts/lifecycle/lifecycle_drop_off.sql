with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    causes as (select * from {{ ref("fct_lifecycle_episode_causes") }}),

    -- Within a pass one stage follows the other without a gap.
    followed as (
        select
            *,
            lag(stage) over in_pass as stage_left,
            lag(stage_kind) over in_pass as stage_left_kind,
            lag(duration_days) over in_pass as days_in_stage_left,
            lag(episode_id) over in_pass as episode_left_id
        from episodes
        window
            in_pass as (
                partition by lifecycle_model, entity_type, entity_id, pass_number order by entered_at asc nulls last
            )
    ),

    -- A loss has the cause that was known in the stage that was left; if none was left, nobody had asked for anything.
    losses as (
        select
            followed.lifecycle_model,
            followed.entity_type,
            coalesce(followed.stage_left, 'none') as stage_left,
            followed.stage_left_kind,
            followed.stage as lost_stage,
            followed.lost_reason,
            cast({{ dbt.date_trunc("month", local_date("followed.entered_at")) }} as date) as month,
            case
                when followed.episode_left_id is null then 'none_needed' else causes.first_response_bucket
            end as first_response_bucket,
            causes.channel,
            causes.owner_id,
            followed.days_in_stage_left
        from followed
        inner join causes on causes.episode_id = coalesce(followed.episode_left_id, followed.episode_id)
        where followed.stage_kind = 'lost'
    ),

    counted as (
        select
            lifecycle_model,
            entity_type,
            stage_left,
            stage_left_kind,
            lost_stage,
            lost_reason,
            month,
            first_response_bucket,
            channel,
            owner_id,
            count(*) as lost_count,
            median(days_in_stage_left::double) as median_days_in_stage
        from losses
        group by
            lifecycle_model,
            entity_type,
            stage_left,
            stage_left_kind,
            lost_stage,
            lost_reason,
            month,
            first_response_bucket,
            channel,
            owner_id
    ),

    final as (
        select
            counted.lifecycle_model,
            counted.entity_type,
            counted.stage_left,
            {{ stage_words("stages_left", "stage_left", has_none=true) }},
            counted.stage_left_kind,
            counted.lost_stage,
            {{ stage_words("lost_stages", "lost_stage") }},
            counted.lost_reason,
            counted.month,
            counted.first_response_bucket,
            {{ first_response_bucket_order("counted.first_response_bucket") }} as first_response_bucket_order,
            counted.channel,
            counted.owner_id,
            counted.lost_count,
            counted.median_days_in_stage
        from counted
        inner join
            stages as lost_stages
            on lost_stages.lifecycle_model = counted.lifecycle_model
            and lost_stages.stage = counted.lost_stage
        left join
            stages as stages_left
            on stages_left.lifecycle_model = counted.lifecycle_model
            and stages_left.stage = counted.stage_left
    )

select *
from final
