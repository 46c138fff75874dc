with
    accounts as (select * from {{ ref("int_accounts__unioned") }}),
    parents as (select * from {{ ref("int_account_parents__resolved") }}),
    ancestors as (select * from {{ ref("bridge_account_ancestors") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    persons as (select * from {{ ref("dim_persons") }}),
    agents as (select * from {{ ref("int_agents__identified") }}),

    ultimate_parents as (select account_id, ancestor_account_id from ancestors where is_ultimate_parent),

    first_persons as (
        select account_persons.account_id, account_persons.person_id
        from account_persons
        inner join persons on persons.person_id = account_persons.person_id
        where account_persons.is_main_account
        qualify
            row_number() over (
                partition by account_persons.account_id
                order by persons.first_touched_at asc nulls last, persons.person_id asc nulls last
            )
            = 1
    ),

    final as (
        select
            accounts.account_id,
            accounts.account_name,
            parents.parent_account_id,
            ultimate_parents.ancestor_account_id as ultimate_parent_account_id,
            accounts.domain,
            accounts.industry,
            accounts.employee_count,
            case
                when accounts.owner_user_id is not null
                then coalesce(agents.agent_id, {{ agent_key("accounts.source_system", "accounts.owner_user_id") }})
            end as owner_id,
            accounts.country,
            first_persons.person_id as first_person_id,
            accounts.created_at
        from accounts
        inner join parents on parents.account_id = accounts.account_id
        inner join ultimate_parents on ultimate_parents.account_id = accounts.account_id
        left join first_persons on first_persons.account_id = accounts.account_id
        left join agents on agents.source_system = accounts.source_system and agents.user_id = accounts.owner_user_id
    )

select *
from final
