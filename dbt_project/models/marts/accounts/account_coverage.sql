{%- set committee = var("buying_committee_roles") -%}
{%- set scopes = ["own", "group"] -%}
with
    accounts as (select * from {{ ref("dim_accounts") }}),
    ancestors as (select * from {{ ref("bridge_account_ancestors") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    activities as (select * from {{ ref("fct_activities") }}),
    deals as (select * from {{ ref("fct_deals") }}),

    -- What an account counts: itself as `own`, and with everything below it as `group`.
    counted_accounts as (
        select account_id as counted_by_account_id, account_id, 'own' as scope
        from accounts
        union all
        select ancestor_account_id as counted_by_account_id, account_id, 'group' as scope
        from ancestors
    ),

    engagements as (
        select person_id, max(occurred_at) as engaged_at
        from activities
        where activity in ({{ quoted_list(var("engagement_activities")) }})
        group by person_id
    ),

    stakeholder_counts as (
        select
            counted_accounts.counted_by_account_id,
            counted_accounts.scope,
            count(*) as stakeholder_count,
            count(*) filter (
                where engagements.engaged_at >= {{ dbt.dateadd("day", -var("engagement_days"), as_of()) }}
            ) as engaged_stakeholder_count
        from counted_accounts
        inner join account_persons on account_persons.account_id = counted_accounts.account_id
        left join engagements on engagements.person_id = account_persons.person_id
        where account_persons.is_main_account
        group by counted_accounts.counted_by_account_id, counted_accounts.scope
    ),

    person_roles as ({{ split_rows("account_persons", ["account_id"], "roles", ",") }}),

    roles as (
        select distinct counted_accounts.counted_by_account_id, counted_accounts.scope, person_roles.part as role
        from counted_accounts
        inner join person_roles on person_roles.account_id = counted_accounts.account_id
    ),

    committee_roles as (
        {% for role in committee %}select '{{ role }}' as role {{ "union all" if not loop.last }} {% endfor %}
    ),

    committees as (
        select
            counted_accounts.counted_by_account_id,
            counted_accounts.scope,
            nullif({{ sorted_list("roles.role") }}, '') as roles_covered,
            nullif(
                {{ sorted_list("case when roles.role is null then committee_roles.role end") }}, ''
            ) as roles_missing,
            count(roles.role) as covered_count
        from (select distinct counted_by_account_id, scope from counted_accounts) as counted_accounts
        cross join committee_roles
        left join
            roles
            on roles.counted_by_account_id = counted_accounts.counted_by_account_id
            and roles.scope = counted_accounts.scope
            and roles.role = committee_roles.role
        group by counted_accounts.counted_by_account_id, counted_accounts.scope
    ),

    stated_roles as (
        select
            counted_by_account_id,
            scope,
            bool_or(role = 'decision_maker') as has_decision_maker,
            bool_or(role = 'champion') as has_champion,
            bool_or(role = 'blocker') as has_blocker
        from roles
        group by counted_by_account_id, scope
    ),

    deal_counts as (
        select
            counted_accounts.counted_by_account_id,
            counted_accounts.scope,
            count(*) filter (where deals.is_open) as open_deal_count,
            count(*) filter (where deals.is_won) as won_deal_count,
            count(*) filter (where not deals.is_open and not deals.is_won) as lost_deal_count,
            sum(case when deals.is_open then deals.deal_amount_reporting end) as open_deal_amount_reporting,
            sum(case when deals.is_won then deals.deal_amount_reporting end) as won_deal_amount_reporting,
            sum(
                case when not deals.is_open and not deals.is_won then deals.deal_amount_reporting end
            ) as lost_deal_amount_reporting
        from counted_accounts
        inner join deals on deals.account_id = counted_accounts.account_id
        group by counted_accounts.counted_by_account_id, counted_accounts.scope
    ),

    last_activities as (
        select
            counted_accounts.counted_by_account_id,
            counted_accounts.scope,
            max(activities.occurred_at) as last_activity_at
        from counted_accounts
        inner join activities on activities.account_id = counted_accounts.account_id
        group by counted_accounts.counted_by_account_id, counted_accounts.scope
    ),

    scoped as (
        select
            committees.counted_by_account_id,
            committees.scope,
            coalesce(stakeholder_counts.stakeholder_count, 0) as stakeholder_count,
            coalesce(stakeholder_counts.engaged_stakeholder_count, 0) as engaged_stakeholder_count,
            committees.roles_covered,
            committees.roles_missing,
            committees.covered_count::double / nullif({{ committee | length }}, 0) as coverage_rate,
            coalesce(stated_roles.has_decision_maker, false) as has_decision_maker,
            coalesce(stated_roles.has_champion, false) as has_champion,
            coalesce(stated_roles.has_blocker, false) as has_blocker,
            coalesce(deal_counts.open_deal_count, 0) as open_deal_count,
            coalesce(deal_counts.won_deal_count, 0) as won_deal_count,
            coalesce(deal_counts.lost_deal_count, 0) as lost_deal_count,
            {{ money("coalesce(deal_counts.open_deal_amount_reporting, 0)") }} as open_deal_amount_reporting,
            {{ money("coalesce(deal_counts.won_deal_amount_reporting, 0)") }} as won_deal_amount_reporting,
            {{ money("coalesce(deal_counts.lost_deal_amount_reporting, 0)") }} as lost_deal_amount_reporting,
            last_activities.last_activity_at,
            {{ days_between("last_activities.last_activity_at", as_of()) }} as days_since_last_activity
        from committees
        left join
            stakeholder_counts
            on stakeholder_counts.counted_by_account_id = committees.counted_by_account_id
            and stakeholder_counts.scope = committees.scope
        left join
            stated_roles
            on stated_roles.counted_by_account_id = committees.counted_by_account_id
            and stated_roles.scope = committees.scope
        left join
            deal_counts
            on deal_counts.counted_by_account_id = committees.counted_by_account_id
            and deal_counts.scope = committees.scope
        left join
            last_activities
            on last_activities.counted_by_account_id = committees.counted_by_account_id
            and last_activities.scope = committees.scope
    ),

    final as (
        select
            accounts.account_id,
            accounts.account_name,
            accounts.parent_account_id,
            accounts.ultimate_parent_account_id,
            accounts.ultimate_parent_account_id = accounts.account_id as is_ultimate_parent,
            accounts.industry,
            accounts.employee_count,
            accounts.owner_id,
            {% for scope in scopes %}
                {{ scope }}_counts.stakeholder_count as {{ scope }}_stakeholder_count,
                {{ scope }}_counts.engaged_stakeholder_count as {{ scope }}_engaged_stakeholder_count,
                {{ scope }}_counts.roles_covered as {{ scope }}_roles_covered,
                {{ scope }}_counts.roles_missing as {{ scope }}_roles_missing,
                {{ scope }}_counts.coverage_rate as {{ scope }}_coverage_rate,
                {{ scope }}_counts.has_decision_maker as {{ scope }}_has_decision_maker,
                {{ scope }}_counts.has_champion as {{ scope }}_has_champion,
                {{ scope }}_counts.has_blocker as {{ scope }}_has_blocker,
                {{ scope }}_counts.open_deal_count as {{ scope }}_open_deal_count,
                {{ scope }}_counts.won_deal_count as {{ scope }}_won_deal_count,
                {{ scope }}_counts.lost_deal_count as {{ scope }}_lost_deal_count,
                {{ scope }}_counts.open_deal_amount_reporting as {{ scope }}_open_deal_amount_reporting,
                {{ scope }}_counts.won_deal_amount_reporting as {{ scope }}_won_deal_amount_reporting,
                {{ scope }}_counts.lost_deal_amount_reporting as {{ scope }}_lost_deal_amount_reporting,
                {{ scope }}_counts.last_activity_at as {{ scope }}_last_activity_at,
                {{ scope }}_counts.days_since_last_activity
                as {{ scope }}_days_since_last_activity {{ "," if not loop.last }}
            {% endfor %}
        from accounts
        {% for scope in scopes %}
            inner join
                scoped as {{ scope }}_counts
                on {{ scope }}_counts.counted_by_account_id = accounts.account_id
                and {{ scope }}_counts.scope = '{{ scope }}'
        {% endfor %}
    )

select *
from final
