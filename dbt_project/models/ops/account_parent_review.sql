with
    parents as (select * from {{ ref("int_account_parents__resolved") }}),

    final as (
        select account_id, stated_parent_account_id, parent_problem as reason
        from parents
        where parent_problem is not null
    )

select *
from final
