with
    periods as (select * from {{ ref("int_subscription_periods__delimited") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),

    final as (
        select
            periods.subscription_id || ':' || periods.period_number as subscription_period_id,
            periods.subscription_id,
            subscriptions.person_id,
            subscriptions.subscriber_id,
            periods.period_number,
            periods.status,
            subscriptions.currency,
            periods.mrr_amount,
            periods.list_mrr_amount,
            {{ converted("periods.mrr_amount", "subscriptions.rate_to_reporting::double") }} as mrr_amount_reporting,
            periods.started_at,
            periods.ended_at,
            periods.ended_at is null as is_current
        from periods
        inner join subscriptions on subscriptions.subscription_id = periods.subscription_id
    )

select *
from final
