with
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),
    periods as (select * from {{ ref("fct_subscription_periods") }}),
    person_owners as (select * from {{ ref("bridge_person_owners") }}),
    account_persons as (select * from {{ ref("bridge_account_persons") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),
    predictions as (select * from {{ source("predictions", "subscriber_predictions") }}),

    due as (
        select *, {{ local_date("renews_at") }} as renews_on
        from subscriptions
        where renews_at <= {{ dbt.dateadd("day", var("renewals_due_days"), as_of()) }}
    ),

    failed_payments as (
        select subscription_id, started_at as payment_failed_at
        from periods
        where is_current and status in ('past_due', 'unpaid')
    ),

    main_accounts as (
        select account_persons.person_id, accounts.account_id, accounts.account_name, accounts.owner_id
        from account_persons
        inner join accounts on accounts.account_id = account_persons.account_id
        where account_persons.is_main_account
    ),

    -- The owner of the person is nearer to them than that of their company.
    final as (
        select
            due.subscription_id,
            due.renews_on,
            {{ dbt.datediff(local_date(as_of()), "due.renews_on", "day") }}::int as days_until_renewal,
            due.person_id,
            main_accounts.account_id,
            main_accounts.account_name,
            coalesce(person_owners.agent_id, main_accounts.owner_id) as owner_id,
            due.plan,
            due.billing_months,
            {{ reporting_currency() }} as reporting_currency,
            due.mrr_amount_reporting,
            {{ money("due.mrr_amount_reporting * due.billing_months") }} as renewal_amount_reporting,
            due.cancelled_at is not null as is_ending,
            due.cancelled_at,
            due.cancellation_reason,
            due.status as subscription_status,
            failed_payments.subscription_id is not null as has_payment_problem,
            failed_payments.payment_failed_at,
            predictions.end_probability,
            predictions.end_probability_lower,
            predictions.end_probability_upper,
            predictions.inactive_days as end_probability_days,
            predictions.end_band as end_risk_band,
            {{ risk_band_order("predictions.end_band") }} as end_risk_band_order,
            {{ prediction_hidden_reason("predictions", "hidden_reason", made="subscriber_id") }} as end_hidden_reason
        from due
        left join failed_payments on failed_payments.subscription_id = due.subscription_id
        left join main_accounts on main_accounts.person_id = due.person_id
        left join person_owners on person_owners.person_id = due.person_id
        left join predictions on predictions.subscriber_id = due.subscriber_id
    )

select *
from final
