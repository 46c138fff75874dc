-- Every paid period lies in one spell; a spell ends only where nothing else of the subscriber is paid for, and
-- nowhere else.
with
    spells as (select * from {{ ref("fct_subscriber_spells") }}),
    periods as (select * from {{ ref("fct_subscription_periods") }} where mrr_amount > 0),

    placed as (
        select
            periods.subscription_period_id,
            periods.subscriber_id,
            periods.ended_at,
            count(spells.spell_id) as spell_count,
            max(spells.ended_at) as spell_ended_at,
            count(case when spells.ended_at is null then 1 end) as open_spell_count
        from periods
        left join
            spells
            on spells.subscriber_id = periods.subscriber_id
            and spells.started_at <= periods.started_at
            and (spells.ended_at is null or spells.ended_at >= periods.ended_at)
        group by periods.subscription_period_id, periods.subscriber_id, periods.ended_at
    ),

    continued as (
        select distinct placed.subscription_period_id
        from placed
        inner join
            periods
            on periods.subscriber_id = placed.subscriber_id
            and periods.started_at <= placed.ended_at
            and (periods.ended_at > placed.ended_at or periods.ended_at is null)
    )

select placed.*
from placed
left join continued on continued.subscription_period_id = placed.subscription_period_id
where
    placed.spell_count <> 1
    or (
        placed.ended_at is not null
        and (continued.subscription_period_id is not null) = coalesce(placed.spell_ended_at = placed.ended_at, false)
    )
