with
    persons as (select * from {{ ref("dim_persons") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),
    current_stages as (select * from {{ ref("lifecycle_current") }}),
    customer_values as (select * from {{ ref("customer_value") }}),
    customer_churns as (select * from {{ ref("customer_churn") }}),
    activities as (select * from {{ ref("fct_activities") }}),
    permissions as (select * from {{ ref("dim_permissions") }}),
    touches as (select * from {{ ref("fct_touches") }} where entity_type = 'person'),
    campaigns as (select * from {{ ref("dim_campaigns") }}),

    last_activities as (
        select person_id, max(occurred_at) as last_activity_at, count(*) as activity_count
        from activities
        where person_id is not null
        group by person_id
    ),

    last_touches as (
        select entity_id as person_id, touched_at, activity, channel, campaign_id, ad_id, is_direct
        from touches
        qualify
            row_number() over (partition by entity_id order by touched_at desc nulls last, touch_id desc nulls last) = 1
    ),

    -- What the person said; silence is null here, whatever the setting makes of it.
    consents as (
        select
            person_id,
            min(case when purpose = 'marketing' and channel = 'email' then verdict end) as email_verdict,
            min(case when purpose = 'marketing' and channel = 'email' then stated_at end) as email_stated_at,
            min(case when purpose = 'marketing' and channel = 'messaging' then verdict end) as messaging_verdict,
            min(case when purpose = 'marketing' and channel = 'messaging' then stated_at end) as messaging_stated_at,
            {%- for purpose, channel in [
                ("marketing", "email"),
                ("marketing", "messaging"),
                ("advertising", "all"),
                ("service", "all"),
            ] %}
                coalesce(
                    bool_or(purpose = '{{ purpose }}' and channel = '{{ channel }}' and is_allowed), false
                ) as is_{{ purpose }}_{{ channel }}_allowed{{ "," if not loop.last }}
            {%- endfor %}
        from permissions
        group by person_id
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
            persons.first_touch_activity,
            {{ channel_or_unknown("persons.first_touch_channel") }} as first_touch_channel,
            persons.first_touch_source,
            persons.first_touch_medium,
            persons.first_touch_platform,
            persons.first_touch_campaign_id,
            first_campaigns.campaign_name as first_touch_campaign_name,
            persons.first_touch_ad_id,
            last_touches.touched_at as last_touched_at,
            last_touches.activity as last_touch_activity,
            case
                when coalesce(last_touches.is_direct, true)
                then 'direct'
                else {{ channel_or_unknown("last_touches.channel") }}
            end as last_touch_channel,
            last_campaigns.platform as last_touch_platform,
            last_touches.campaign_id as last_touch_campaign_id,
            last_campaigns.campaign_name as last_touch_campaign_name,
            last_touches.ad_id as last_touch_ad_id,
            last_activities.last_activity_at,
            coalesce(last_activities.activity_count, 0)::int as activity_count,
            case consents.email_verdict when 'granted' then true when 'refused' then false end as is_email_permitted,
            consents.email_stated_at as email_permission_stated_at,
            case
                consents.messaging_verdict when 'granted' then true when 'refused' then false
            end as is_messaging_permitted,
            consents.messaging_stated_at as messaging_permission_stated_at,
            coalesce(consents.is_marketing_email_allowed, false) as is_marketing_by_email_allowed,
            coalesce(consents.is_marketing_messaging_allowed, false) as is_marketing_by_messaging_allowed,
            coalesce(consents.is_advertising_all_allowed, false) as is_advertising_allowed,
            coalesce(consents.is_service_all_allowed, false) as is_service_allowed,
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
        left join campaigns as first_campaigns on first_campaigns.campaign_id = persons.first_touch_campaign_id
        left join last_touches on last_touches.person_id = persons.person_id
        left join campaigns as last_campaigns on last_campaigns.campaign_id = last_touches.campaign_id
        left join last_activities on last_activities.person_id = persons.person_id
        left join consents on consents.person_id = persons.person_id
        left join main_stages on main_stages.entity_id = persons.person_id
        left join customer_values on customer_values.person_id = persons.person_id
        left join customer_churns on customer_churns.person_id = persons.person_id
    )

select *
from final
