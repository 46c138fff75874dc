-- Within a stage model an entity is in one stage at a time: an episode ends no later than the next begins.
with
    episodes as (select * from {{ ref("lifecycle_stage_history") }}),

    followed as (
        select
            *,
            lead(entered_at) over (
                partition by lifecycle_model, entity_id order by entered_at asc nulls last
            ) as next_entered_at
        from episodes
    )

select
    lifecycle_model,
    entity_id,
    stage,
    entered_at,
    exited_at,
    next_entered_at,
    'the next stage is entered before this one is left: a refresh has mixed two evaluations of the entity. Evaluate it'
    || ' again with dbt build --full-refresh --select int_lifecycle__'
    || lifecycle_model
    || '+' as reason
from followed
where next_entered_at is not null and (exited_at is null or exited_at > next_entered_at)
