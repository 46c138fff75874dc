with
    memberships as (select * from {{ ref("int_account_members__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),

    final as (
        select memberships.account_id, person_records.person_id, min(memberships.role) as role
        from memberships
        inner join person_records on person_records.record_key = memberships.record_key
        group by memberships.account_id, person_records.person_id
    )

select *
from final
