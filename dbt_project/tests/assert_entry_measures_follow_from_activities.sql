-- Every entry into a stage is explained, nothing else is, and what an explanation says was known at the entry is what
-- the activities themselves say.
with
    entries as (select * from {{ ref("fct_lifecycle_entries") }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    activities as (select * from {{ ref("fct_activities") }}),

    paid as (
        select person_id as entity_id, occurred_at
        from activities
        where activity = 'order_paid' and person_id is not null
        union all
        select account_id as entity_id, occurred_at
        from activities
        where activity = 'order_paid' and account_id is not null
    ),

    counted as (
        select
            entries.entity_type,
            entries.entity_id,
            entries.entered_at,
            entries.entry_activity_id,
            min({{ json_text("entries.measures", "paid_orders_to_date") }}::bigint) as told_count,
            count(paid.occurred_at) as paid_count
        from entries
        left join paid on paid.entity_id = entries.entity_id and paid.occurred_at <= entries.entered_at
        group by entries.entity_type, entries.entity_id, entries.entered_at, entries.entry_activity_id
    ),

    entered as (select distinct entity_type, entity_id, entered_at, entry_activity_id from episodes),

    judged as (
        select
            coalesce(counted.entity_id, entered.entity_id) as entity_id,
            coalesce(counted.entered_at, entered.entered_at) as entered_at,
            counted.told_count,
            counted.paid_count,
            case
                when entered.entity_id is null
                then 'no stage is entered there'
                when counted.entity_id is null
                then 'the entry has no measures'
                when counted.told_count is null or counted.told_count <> counted.paid_count
                then 'the measures are not those of the activities'
            end as problem
        from counted
        full outer join
            entered
            on entered.entity_type = counted.entity_type
            and entered.entity_id = counted.entity_id
            and entered.entered_at = counted.entered_at
            and entered.entry_activity_id = counted.entry_activity_id
    )

select
    entity_id,
    entered_at,
    told_count,
    paid_count,
    problem
    || ': a refresh has left rows of an earlier state. Measure them again with'
    || ' dbt build --full-refresh --select fct_lifecycle_entries+' as reason
from judged
where problem is not null
