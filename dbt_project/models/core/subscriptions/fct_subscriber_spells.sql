with
    periods as (select * from {{ ref("fct_subscription_periods") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }}),
    persons as (select * from {{ ref("dim_persons") }}),

    paid_periods as (select * from periods where mrr_amount > 0),

    -- How far what has been paid for reaches; an unknown end reaches past now.
    with_reach as (
        select
            *,
            max(coalesce(ended_at, {{ as_of() }} + interval '1' day)) over (
                partition by subscriber_id
                order by started_at asc nulls last, subscription_period_id asc nulls last
                rows between unbounded preceding and 1 preceding
            ) as paid_for_until_at
        from paid_periods
    ),

    numbered as (
        select
            *,
            sum(case when started_at <= paid_for_until_at then 0 else 1 end) over (
                partition by subscriber_id
                order by started_at asc nulls last, subscription_period_id asc nulls last
                rows between unbounded preceding and current row
            )::bigint as spell_number
        from with_reach
    ),

    contracts as (
        select
            numbered.subscriber_id,
            numbered.spell_number,
            numbered.subscription_id,
            max(numbered.person_id) as person_id,
            min(numbered.started_at) as started_at,
            case when count(*) = count(numbered.ended_at) then max(numbered.ended_at) end as ended_at,
            -- A period that stayed overdue to the end was never paid for.
            coalesce(
                max(case when numbered.status = 'active' then numbered.ended_at end), min(numbered.started_at)
            ) as paid_until_at,
            sum(case when numbered.ended_at is null then numbered.mrr_amount_reporting end) as mrr_amount,
            count(
                case when numbered.ended_at is null and numbered.mrr_amount_reporting is null then 1 end
            ) as unconverted_count
        from numbered
        group by numbered.subscriber_id, numbered.spell_number, numbered.subscription_id
    ),

    dated_contracts as (
        select
            contracts.*,
            subscriptions.billing_months,
            -- After a pause, renewals are counted from the start again.
            case
                when subscriptions.started_at >= contracts.started_at
                then least(subscriptions.paying_from_at, contracts.started_at)
                else contracts.started_at
            end as anchor_at,
            subscriptions.recorded_at,
            coalesce(subscriptions.cancelled_at, subscriptions.ended_at) as ending_known_at,
            row_number() over (
                partition by contracts.subscriber_id, contracts.spell_number
                order by contracts.started_at asc nulls last, contracts.subscription_id asc nulls last
            ) as contract_number
        from contracts
        inner join subscriptions on subscriptions.subscription_id = contracts.subscription_id
    ),

    spells as (
        select
            subscriber_id,
            spell_number,
            max(person_id) as person_id,
            count(*) as subscription_count,
            max(billing_months) as billing_months,
            max(case when contract_number = 1 then anchor_at end) as anchor_at,
            max(case when contract_number = 1 then recorded_at end) as recorded_at,
            min(started_at) as started_at,
            case when count(*) = count(ended_at) then max(ended_at) end as ended_at,
            case when count(*) = count(ended_at) then max(paid_until_at) end as paid_until_at,
            case when count(*) = count(ending_known_at) then max(ending_known_at) end as ending_known_at,
            case when sum(unconverted_count) = 0 then sum(mrr_amount) end as mrr_amount
        from dated_contracts
        group by subscriber_id, spell_number
    ),

    final as (
        select
            spells.subscriber_id || ':' || spells.spell_number as spell_id,
            spells.subscriber_id,
            spells.person_id,
            spells.spell_number,
            spells.subscription_count,
            spells.billing_months,
            cast({{ dbt.date_trunc("month", local_date("spells.anchor_at")) }} as date) as cohort_month,
            {{ acquisition_channel("persons") }} as acquisition_channel,
            spells.anchor_at,
            greatest(spells.anchor_at, spells.recorded_at) as observed_from_at,
            spells.started_at,
            spells.paid_until_at,
            spells.ended_at,
            spells.ending_known_at,
            {{ money("spells.mrr_amount") }} as mrr_amount_reporting
        from spells
        left join persons on persons.person_id = spells.person_id
    )

select *
from final
