with recursive
    parents as (select * from {{ ref("int_account_parents__resolved") }}),

    ancestors as (
        select account_id, account_id as ancestor_account_id, parent_account_id as next_account_id, 0 as distance
        from parents
        union all
        select
            ancestors.account_id,
            parents.account_id as ancestor_account_id,
            parents.parent_account_id as next_account_id,
            ancestors.distance + 1 as distance
        from ancestors
        inner join parents on parents.account_id = ancestors.next_account_id
    ),

    final as (
        select account_id, ancestor_account_id, distance, next_account_id is null as is_ultimate_parent from ancestors
    )

select *
from final
