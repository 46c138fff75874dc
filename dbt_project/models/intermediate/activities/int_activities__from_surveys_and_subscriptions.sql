with
    surveys as (select * from {{ ref("int_surveys__unioned") }}),
    orders as (select * from {{ ref("int_orders__priced") }}),
    subscriptions as (select * from {{ ref("int_subscriptions__unioned") }}),
    subscription_invoices as (select * from {{ ref("int_subscription_invoices__unioned") }}),

    -- An answer that names nobody belongs to the person who placed the order that it is about.
    survey_records as (
        select
            surveys.survey_type,
            surveys.score,
            substring(surveys.order_id, length(surveys.source_system) + 2) as order_in_system,
            surveys.source_system,
            surveys.source_record_id,
            coalesce(surveys.record_key, orders.record_key) as record_key,
            surveys.responded_at,
            surveys.loaded_at
        from surveys
        left join orders on orders.order_id = surveys.order_id
    ),

    -- If the first payment failed for good, there was no subscription, and its expiry does not end one.
    begun as (select * from subscriptions where not has_never_begun),

    numbered_payments as (
        select
            *,
            row_number() over (
                partition by subscription_id order by paid_at asc nulls last, invoice_id asc nulls last
            ) as payment_number
        from subscription_invoices
        where is_paid and revenue_amount > 0
    ),

    unioned as (
        select
            case when survey_type = 'review' then 'review_submitted' else 'survey_answered' end as activity,
            source_system,
            source_record_id,
            record_key,
            responded_at as occurred_at,
            cast(null as {{ dbt.type_string() }}) as channel,
            cast(null as {{ dbt.type_string() }}) as campaign_id,
            cast(null as {{ dbt.type_string() }}) as ad_id,
            cast(null as decimal(18, 4)) as amount,
            cast(null as {{ dbt.type_string() }}) as currency,
            {{ json_attributes({"survey_type": "survey_type", "score": "score", "order": "order_in_system"}) }}
            as attributes,
            loaded_at
        from survey_records
        {%- for activity, instant in {
                "trial_started": "trial_started_at",
                "subscription_started": "started_at",
                "subscription_cancelled": "cancelled_at",
                "subscription_ended": "ended_at",
            }.items() %}
            union all
            select
                '{{ activity }}' as activity,
                source_system,
                source_record_id,
                record_key,
                {{ instant }} as occurred_at,
                null as channel,
                null as campaign_id,
                null as ad_id,
                mrr_amount as amount,
                currency,
                {% if activity == "subscription_cancelled" -%}
                    case
                        when cancellation_reason is not null
                        then {{ json_attributes({"reason": "cancellation_reason"}) }}
                    end
                {%- else -%} null
                {%- endif %} as attributes,
                loaded_at
            from begun
            where {{ instant }} is not null
        {%- endfor %}
        union all
        -- The first payment is the start, even if it ends a trial.
        select
            'subscription_renewed' as activity,
            source_system,
            source_record_id,
            record_key,
            paid_at as occurred_at,
            null as channel,
            null as campaign_id,
            null as ad_id,
            revenue_amount as amount,
            currency,
            null as attributes,
            loaded_at
        from numbered_payments
        where is_of_a_new_period and payment_number > 1
    )

select *
from unioned
