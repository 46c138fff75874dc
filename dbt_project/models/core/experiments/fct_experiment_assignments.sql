with
    assignments as (select * from {{ ref("int_experiment_assignments__unioned") }} where assigned_at <= {{ as_of() }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),

    -- Two records of one person are one person, who was drawn when the first of them was.
    drawn as (
        select
            assignments.experiment,
            assignments.arm,
            coalesce(person_records.person_id, assignments.record_key) as drawn_id,
            max(person_records.person_id) as person_id,
            bool_or(assignments.is_control) as is_control,
            max(assignments.planned_share) as planned_share,
            min(assignments.assigned_at) as assigned_at,
            min(assignments.loaded_at) as loaded_at
        from assignments
        left join person_records on person_records.record_key = assignments.record_key
        group by assignments.experiment, assignments.arm, coalesce(person_records.person_id, assignments.record_key)
    ),

    final as (
        select
            {{ surrogate_key(["experiment", "arm", "drawn_id"]) }} as assignment_id,
            experiment,
            arm,
            is_control,
            planned_share,
            person_id,
            count(*) over (partition by experiment, drawn_id) as arm_count,
            assigned_at,
            loaded_at
        from drawn
    )

select *
from final
