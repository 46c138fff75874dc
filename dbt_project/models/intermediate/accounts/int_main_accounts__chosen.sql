with
    account_members as (select * from {{ ref("int_account_members__unioned") }}),
    person_records as (select * from {{ ref("int_persons__resolved") }}),

    candidates as (
        select
            person_records.person_id, account_members.account_id, account_members.is_employer, person_records.created_at
        from account_members
        inner join person_records on person_records.record_key = account_members.record_key
    ),

    final as (
        select person_id, account_id
        from candidates
        qualify
            row_number() over (
                partition by person_id
                order by
                    case when is_employer then 0 else 1 end asc nulls last,
                    created_at asc nulls last,
                    account_id asc nulls last
            )
            = 1
    )

select *
from final
