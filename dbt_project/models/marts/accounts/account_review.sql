with
    coverage as (select * from {{ ref("account_coverage") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }} where is_main_account),
    current_stages as (select * from {{ ref("lifecycle_current") }}),
    customer_values as (select * from {{ ref("customer_value") }}),
    answers as (select * from {{ ref("fct_survey_answers") }}),
    actions as (select * from {{ ref("next_best_action") }}),

    -- Of several stage models of accounts, the first enabled one.
    stages as (
        select *
        from current_stages
        where
            entity_type = 'account'
            and lifecycle_model in (
                select min_by(name, place)
                from
                    (
                        {%- for name in var("lifecycle_models") %}
                            select '{{ name }}' as name, {{ loop.index }} as place {{ "union all" if not loop.last }}
                        {%- endfor %}
                    ) as enabled_models
                where name in (select lifecycle_model from current_stages where entity_type = 'account')
            )
    ),

    own_values as (
        select
            coalesce(customer_values.account_id, account_persons.account_id) as account_id,
            sum(customer_values.historic_value_amount_reporting) as historic_value_amount_reporting,
            sum(customer_values.cash_view_last_365_days_amount_reporting) as last_365_days_amount_reporting
        from customer_values
        left join account_persons on account_persons.person_id = customer_values.person_id
        group by coalesce(customer_values.account_id, account_persons.account_id)
    ),

    satisfaction as (
        select
            account_persons.account_id,
            count(*) as answer_count,
            count(case when answers.is_top_box then 1 end) as top_box_count,
            max(answers.responded_at) as last_answered_at
        from answers
        inner join account_persons on account_persons.person_id = answers.person_id
        where answers.responded_at > {{ dbt.dateadd("day", -365, as_of()) }}
        group by account_persons.account_id
    ),

    -- The most urgent action of the account itself or of its people.
    concerned as (
        select entity_id as account_id, action_en, action_fr, team, reason, audience, audience_order, channel
        from actions
        where entity_type = 'account'
        union all
        select
            account_persons.account_id,
            actions.action_en,
            actions.action_fr,
            actions.team,
            actions.reason,
            actions.audience,
            actions.audience_order,
            actions.channel
        from actions
        inner join account_persons on account_persons.person_id = actions.entity_id
        where actions.entity_type = 'person'
    ),

    next_actions as (
        select *
        from concerned
        qualify
            row_number() over (
                partition by account_id
                order by
                    audience_order asc nulls last,
                    audience asc nulls last,
                    channel asc nulls last,
                    reason asc nulls last
            )
            = 1
    ),

    final as (
        select
            coverage.account_id,
            coverage.account_name,
            coverage.owner_id,
            stages.lifecycle_model,
            stages.stage,
            stages.stage_label_en,
            stages.stage_label_fr,
            stages.stage_order,
            stages.entered_at as stage_entered_at,
            coverage.own_stakeholder_count as stakeholder_count,
            coverage.own_engaged_stakeholder_count as engaged_stakeholder_count,
            coverage.own_roles_covered as roles_covered,
            coverage.own_roles_missing as roles_missing,
            coverage.own_coverage_rate as coverage_rate,
            {{ reporting_currency() }} as reporting_currency,
            {{ money("coalesce(own_values.historic_value_amount_reporting, 0)") }} as historic_value_amount_reporting,
            {{ money("coalesce(own_values.last_365_days_amount_reporting, 0)") }}
            as cash_view_last_365_days_amount_reporting,
            coverage.own_won_deal_count as won_deal_count,
            coverage.own_won_deal_amount_reporting as won_deal_amount_reporting,
            coverage.own_open_deal_count as open_deal_count,
            coverage.own_open_deal_amount_reporting as open_deal_amount_reporting,
            coverage.own_last_activity_at as last_activity_at,
            coverage.own_days_since_last_activity as days_since_last_activity,
            coalesce(satisfaction.answer_count, 0) as answer_count,
            coalesce(satisfaction.top_box_count, 0) as top_box_count,
            satisfaction.last_answered_at,
            next_actions.audience as next_audience,
            next_actions.action_en as next_action_en,
            next_actions.action_fr as next_action_fr,
            next_actions.team as next_action_team,
            next_actions.reason as next_action_reason
        from coverage
        left join stages on stages.entity_id = coverage.account_id
        left join own_values on own_values.account_id = coverage.account_id
        left join satisfaction on satisfaction.account_id = coverage.account_id
        left join next_actions on next_actions.account_id = coverage.account_id
    )

select *
from final
