with
    owners as (select * from {{ ref("int_contact_owners__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),

    -- The CRM's word before the inbox's, the newest record's before an older one's.
    final as (
        select person_records.person_id, owners.agent_id, owners.source_system
        from owners
        inner join person_records on person_records.record_key = owners.record_key
        qualify
            row_number() over (
                partition by person_records.person_id
                order by
                    case when owners.source_system = 'hubspot' then 0 else 1 end asc nulls last,
                    person_records.created_at desc nulls last,
                    owners.record_key asc nulls last
            )
            = 1
    )

select *
from final
