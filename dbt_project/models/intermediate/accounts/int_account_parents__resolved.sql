with recursive
    accounts as (select * from {{ ref("int_accounts__unioned") }}),

    merged_accounts as (
        select source_system || ':' || merged_id as account_id, source_system || ':' || survivor_id as survivor_id
        from {{ ref("int_merges__followed") }}
        where record_type = 'account'
    ),

    -- An account that was merged into another one no longer counts; a merged parent is what it became.
    live_accounts as (
        select
            accounts.account_id,
            coalesce(merged_parents.survivor_id, accounts.parent_account_id) as stated_parent_account_id
        from accounts
        left join merged_accounts on merged_accounts.account_id = accounts.account_id
        left join merged_accounts as merged_parents on merged_parents.account_id = accounts.parent_account_id
        where merged_accounts.account_id is null
    ),

    known_parents as (
        select live_accounts.account_id, live_accounts.stated_parent_account_id, parents.account_id as parent_account_id
        from live_accounts
        left join live_accounts as parents on parents.account_id = live_accounts.stated_parent_account_id
    ),

    -- Everything above an account. No way leads to an account twice, so that a cycle comes to an end.
    ancestors as (
        select account_id, parent_account_id as ancestor_account_id, '|' || parent_account_id || '|' as way
        from known_parents
        where parent_account_id is not null
        union all
        select
            ancestors.account_id,
            known_parents.parent_account_id as ancestor_account_id,
            ancestors.way || known_parents.parent_account_id || '|' as way
        from ancestors
        inner join known_parents on known_parents.account_id = ancestors.ancestor_account_id
        where
            known_parents.parent_account_id is not null
            and not contains(ancestors.way, '|' || known_parents.parent_account_id || '|')
    ),

    -- An account above itself is in a cycle, and so is every account above such an account.
    cycles as (select account_id from ancestors where ancestor_account_id = account_id),

    cycle_tops as (
        select cycles.account_id
        from cycles
        inner join ancestors on ancestors.account_id = cycles.account_id
        group by cycles.account_id
        having min(ancestors.ancestor_account_id) = cycles.account_id
    ),

    final as (
        select
            known_parents.account_id,
            known_parents.stated_parent_account_id,
            case when cycle_tops.account_id is null then known_parents.parent_account_id end as parent_account_id,
            case
                when known_parents.stated_parent_account_id is not null and known_parents.parent_account_id is null
                then 'unknown parent'
                when cycle_tops.account_id is not null
                then 'cycle of parents'
            end as parent_problem
        from known_parents
        left join cycle_tops on cycle_tops.account_id = known_parents.account_id
    )

select *
from final
