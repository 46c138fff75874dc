with
    entries as (
        select lifecycle_model, previous_stage, stage, count(*) as people
        from marts.lifecycle_stage_history
        where entered_at > (select as_of - interval 30 day from marts.publication)
        group by lifecycle_model, previous_stage, stage
    ),

    ranked as (
        select *, row_number() over (partition by lifecycle_model order by people desc, stage, previous_stage) as place
        from entries
    ),

    named as (
        select
            ranked.lifecycle_model,
            ranked.people,
            ranked.place,
            coalesce(before.stage_label_en || ' → ', '→ ') || stages.stage_label_en as move_en,
            coalesce(before.stage_label_fr || ' → ', '→ ') || stages.stage_label_fr as move_fr,
            case
                when before.stage is null
                then 'entered'
                when stages.stage_kind = 'lost'
                then 'lost'
                when before.stage_kind = 'lost'
                then 'regained'
                when stages.stage_order > before.stage_order
                then 'onward'
                else 'back'
            end as direction
        from ranked
        inner join
            marts.lifecycle_stages as stages
            on stages.lifecycle_model = ranked.lifecycle_model
            and stages.stage = ranked.stage
        left join
            marts.lifecycle_stages as before
            on before.lifecycle_model = ranked.lifecycle_model
            and before.stage = ranked.previous_stage
    )

select
    lifecycle_model,
    case when place <= 12 then direction end as direction,
    case when place <= 12 then move_en else 'Other moves' end as move_en,
    case when place <= 12 then move_fr else 'Autres passages' end as move_fr,
    sum(people) as people
from named
group by all
order by lifecycle_model, min(place)
