with
    main as (select any_value(lifecycle_model) as lifecycle_model from marts.customer_360),

    people as (
        select lifecycle_model, stage, count(*) as people from marts.lifecycle_current group by lifecycle_model, stage
    )

select
    stages.stage_label_en,
    stages.stage_label_fr,
    stages.stage_kind,
    coalesce(people.people, 0) as people,
    people.people / sum(people.people) over () as share
from marts.lifecycle_stages as stages
inner join main on main.lifecycle_model = stages.lifecycle_model
left join people on people.lifecycle_model = stages.lifecycle_model and people.stage = stages.stage
where exists (select * from people)
order by stages.stage_order
