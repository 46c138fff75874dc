with
    losses as (select * from {{ ref("fct_lifecycle_losses") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),

    dated as (select *, cast({{ dbt.date_trunc("month", local_date("lost_at")) }} as date) as month from losses),

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
        from dated
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
