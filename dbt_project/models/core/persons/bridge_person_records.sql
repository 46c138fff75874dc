with
    persons as (select * from {{ ref("int_persons__resolved") }}),

    final as (
        select
            record_key, person_id, source_system, source_account, record_type, source_record_id, created_at, loaded_at
        from persons
    )

select *
from final
