with
    memberships as (select * from {{ ref("int_account_members__unioned") }}),
    person_records as (select * from {{ ref("bridge_person_records") }}),
    main_accounts as (select * from {{ ref("int_main_accounts__chosen") }}),

    person_roles as (
        select distinct memberships.account_id, person_records.person_id, memberships.role
        from memberships
        inner join person_records on person_records.record_key = memberships.record_key
    ),

    final as (
        select
            person_roles.account_id,
            person_roles.person_id,
            nullif({{ sorted_list("person_roles.role") }}, '') as roles,
            max(case when main_accounts.account_id = person_roles.account_id then 1 else 0 end) = 1 as is_main_account
        from person_roles
        left join main_accounts on main_accounts.person_id = person_roles.person_id
        group by person_roles.account_id, person_roles.person_id
    )

select *
from final
