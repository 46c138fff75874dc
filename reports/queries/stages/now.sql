with
    people as (
        select lifecycle_model, stage, count(*) as people from marts.lifecycle_current group by lifecycle_model, stage
    )

select
    stages.lifecycle_model,
    stages.stage_label_en,
    stages.stage_label_fr,
    stages.stage_kind,
    coalesce(people.people, 0) as people,
    people.people / sum(people.people) over (partition by stages.lifecycle_model) as share
from marts.lifecycle_stages as stages
left join people on people.lifecycle_model = stages.lifecycle_model and people.stage = stages.stage
where stages.lifecycle_model in (select lifecycle_model from people)
order by stages.lifecycle_model, stages.stage_order
