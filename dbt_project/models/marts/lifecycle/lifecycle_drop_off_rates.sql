with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    causes as (select * from {{ ref("fct_lifecycle_episode_causes") }}),

    followed as (
        select
            *,
            lead(stage_kind) over (
                partition by lifecycle_model, entity_type, entity_id, pass_number order by entered_at asc nulls last
            ) as next_stage_kind
        from episodes
    ),

    stays as (
        select
            followed.lifecycle_model,
            followed.entity_type,
            followed.stage,
            cast({{ dbt.date_trunc("month", local_date("followed.entered_at")) }} as date) as month,
            causes.first_response_bucket,
            causes.channel,
            causes.owner_id,
            case
                when followed.is_current
                then 'open'
                when followed.next_stage_kind = 'lost'
                then 'lost'
                when followed.next_stage_kind = 'active'
                then 'moved'
                else 'cleared'
            end as outcome
        from followed
        inner join causes on causes.episode_id = followed.episode_id
        where followed.stage_kind = 'active'
    ),

    counted as (
        select
            lifecycle_model,
            entity_type,
            stage,
            month,
            first_response_bucket,
            channel,
            owner_id,
            count(*) as entered_count,
            count(case when outcome = 'lost' then 1 end) as lost_count,
            count(case when outcome = 'moved' then 1 end) as moved_count,
            count(case when outcome = 'cleared' then 1 end) as cleared_count,
            count(case when outcome = 'open' then 1 end) as open_count
        from stays
        group by lifecycle_model, entity_type, stage, month, first_response_bucket, channel, owner_id
    ),

    final as (
        select
            counted.lifecycle_model,
            counted.entity_type,
            counted.stage,
            {{ stage_words("stages") }},
            counted.month,
            counted.first_response_bucket,
            {{ first_response_bucket_order("counted.first_response_bucket") }} as first_response_bucket_order,
            counted.channel,
            counted.owner_id,
            counted.entered_count,
            counted.lost_count,
            counted.moved_count,
            counted.cleared_count,
            counted.open_count,
            counted.lost_count::double / nullif(counted.entered_count, 0) as loss_rate,
            {{ wilson_interval("counted.lost_count", "counted.entered_count", "loss_rate") }}
        from counted
        inner join stages on stages.lifecycle_model = counted.lifecycle_model and stages.stage = counted.stage
    )

select *
from final
