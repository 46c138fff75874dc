with
    persons as (select * from {{ ref("dim_persons") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),
    current_stages as (select * from {{ ref("lifecycle_current") }}),
    customer_values as (select * from {{ ref("customer_value") }}),
    customer_churns as (select * from {{ ref("customer_churn") }}),
    activities as (select * from {{ ref("fct_activities") }}),

    last_activities as (
        select person_id, max(occurred_at) as last_activity_at, count(*) as activity_count
        from activities
        where person_id is not null
        group by person_id
    ),

    -- The last word holds: of an e-mail address, which is a contact's, and of an inbox as a whole.
    last_permissions as (
        select person_id, channel, activity = 'opted_in' as is_permitted, occurred_at
        from activities
        where activity in ('opted_in', 'opted_out') and channel in ('email', 'inbox') and person_id is not null
        qualify
            row_number() over (
                partition by person_id, channel, source_system, case when channel = 'email' then source_record_id end
                order by occurred_at desc nulls last, activity desc nulls last
            )
            = 1
    ),

    -- A single refusal that stands is enough, whatever was said to another system or from another address.
    permissions as (
        select
            person_id,
            channel,
            bool_and(is_permitted) as is_permitted,
            coalesce(min(case when not is_permitted then occurred_at end), min(occurred_at)) as stated_at
        from last_permissions
        group by person_id, channel
    ),

    main_accounts as (select person_id, account_id from account_persons where is_main_account),

    main_stages as (
        select *
        from current_stages
        where lifecycle_model = '{{ var("lifecycle_models")[0] }}' and entity_type = 'person'
    ),

    final as (
        select
            persons.person_id,
            persons.customer_number,
            persons.country,
            main_accounts.account_id,
            accounts.account_name,
            persons.record_count::int as record_count,
            persons.source_systems,
            persons.first_touched_at,
            {{ channel_or_unknown("persons.first_touch_channel") }} as first_touch_channel,
            persons.first_touch_platform,
            persons.first_touch_campaign_id,
            last_activities.last_activity_at,
            coalesce(last_activities.activity_count, 0)::int as activity_count,
            email_permissions.is_permitted as is_email_permitted,
            email_permissions.stated_at as email_permission_stated_at,
            messaging_permissions.is_permitted as is_messaging_permitted,
            messaging_permissions.stated_at as messaging_permission_stated_at,
            main_stages.lifecycle_model,
            main_stages.stage,
            main_stages.stage_label_en,
            main_stages.stage_label_fr,
            main_stages.stage_order,
            main_stages.entered_at as stage_entered_at,
            main_stages.furthest_stage,
            main_stages.furthest_stage_label_en,
            main_stages.furthest_stage_label_fr,
            main_stages.furthest_stage_order,
            main_stages.lost_reason,
            coalesce(customer_values.is_customer, false) as is_customer,
            {{ reporting_currency() }} as reporting_currency,
            coalesce(customer_values.paid_order_count, 0) as paid_order_count,
            coalesce(customer_values.won_deal_count, 0) as won_deal_count,
            {{ money("coalesce(customer_values.historic_value_amount_reporting, 0)") }}
            as historic_value_amount_reporting,
            customer_values.first_purchased_at,
            customer_values.last_purchased_at,
            customer_churns.is_churned_by_inactivity_rule,
            customer_churns.churned_by_inactivity_rule_at,
            customer_values.predicted_short_term_value_amount_reporting,
            customer_values.predicted_value_amount_reporting,
            customer_values.predicted_value_hidden_reason,
            customer_values.total_value_amount_reporting,
            customer_churns.no_purchase_probability,
            customer_churns.churn_model_probability,
            customer_churns.churn_model_top_reasons,
            customer_churns.subscription_status,
            customer_churns.subscription_end_probability
        from persons
        left join main_accounts on main_accounts.person_id = persons.person_id
        left join accounts on accounts.account_id = main_accounts.account_id
        left join last_activities on last_activities.person_id = persons.person_id
        left join
            permissions as email_permissions
            on email_permissions.person_id = persons.person_id
            and email_permissions.channel = 'email'
        left join
            permissions as messaging_permissions
            on messaging_permissions.person_id = persons.person_id
            and messaging_permissions.channel = 'inbox'
        left join main_stages on main_stages.entity_id = persons.person_id
        left join customer_values on customer_values.person_id = persons.person_id
        left join customer_churns on customer_churns.person_id = persons.person_id
    )

select *
from final
