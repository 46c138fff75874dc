with
    accounts as (select * from {{ ref("int_accounts__unioned") }}),
    parents as (select * from {{ ref("int_account_parents__resolved") }}),
    ancestors as (select * from {{ ref("bridge_account_ancestors") }}),

    ultimate_parents as (select account_id, ancestor_account_id from ancestors where is_ultimate_parent),

    final as (
        select
            accounts.account_id,
            accounts.account_name,
            parents.parent_account_id,
            ultimate_parents.ancestor_account_id as ultimate_parent_account_id,
            accounts.domain,
            accounts.industry,
            accounts.employee_count,
            accounts.owner_name,
            accounts.country,
            accounts.created_at
        from accounts
        inner join parents on parents.account_id = accounts.account_id
        inner join ultimate_parents on ultimate_parents.account_id = accounts.account_id
    )

select *
from final
