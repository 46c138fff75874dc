with
    surveys as (select * from {{ ref("stg_files__surveys") }}),
    subscriptions as (select * from {{ ref("stg_files__subscriptions") }}),

    survey_records as (
        select
            *,
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                when email is not null
                then {{ record_key("'files'", "'guest_survey'", "response_id") }}
            end as record_key
        from surveys
    ),

    subscription_records as (
        select
            *,
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                when email is not null
                then {{ record_key("'files'", "'guest_subscription'", "subscription_id") }}
            end as record_key
        from subscriptions
    ),

    unioned as (
        select
            case when survey_type = 'review' then 'review_submitted' else 'survey_answered' end as activity,
            'files' as source_system,
            response_id as source_record_id,
            record_key,
            responded_at as occurred_at,
            cast(null as {{ dbt.type_string() }}) as channel,
            cast(null as {{ dbt.type_string() }}) as campaign_id,
            cast(null as {{ dbt.type_string() }}) as ad_id,
            cast(null as decimal(18, 4)) as amount,
            cast(null as {{ dbt.type_string() }}) as currency,
            {{ json_attributes({"survey_type": "survey_type", "score": "score"}) }} as attributes,
            loaded_at
        from survey_records
        union all
        select
            'trial_started',
            'files',
            subscription_id,
            record_key,
            trial_started_at,
            null,
            null,
            null,
            mrr_amount,
            currency,
            null,
            loaded_at
        from subscription_records
        where trial_started_at is not null
        union all
        select
            'subscription_started',
            'files',
            subscription_id,
            record_key,
            started_at,
            null,
            null,
            null,
            mrr_amount,
            currency,
            null,
            loaded_at
        from subscription_records
        where started_at is not null
        union all
        select
            'subscription_cancelled',
            'files',
            subscription_id,
            record_key,
            cancelled_at,
            null,
            null,
            null,
            mrr_amount,
            currency,
            null,
            loaded_at
        from subscription_records
        where cancelled_at is not null
        union all
        select
            'subscription_ended',
            'files',
            subscription_id,
            record_key,
            ended_at,
            null,
            null,
            null,
            mrr_amount,
            currency,
            null,
            loaded_at
        from subscription_records
        where ended_at is not null
    )

select *
from unioned
