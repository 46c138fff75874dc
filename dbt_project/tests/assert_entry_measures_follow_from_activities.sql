-- What an explanation says was known at an entry, counted again from the activities themselves.
with
    entries as (select * from {{ ref("fct_lifecycle_entries") }}),
    activities as (select * from {{ ref("fct_activities") }}),

    paid as (
        select person_id as entity_id, occurred_at
        from activities
        where activity = 'order_paid' and person_id is not null
        union all
        select account_id, occurred_at
        from activities
        where activity = 'order_paid' and account_id is not null
    ),

    counted as (
        select
            entries.entity_id,
            entries.entered_at,
            entries.entry_activity_id,
            min({{ json_text("entries.measures", "paid_orders_to_date") }}::bigint) as told_count,
            count(paid.occurred_at) as paid_count
        from entries
        left join paid on paid.entity_id = entries.entity_id and paid.occurred_at <= entries.entered_at
        group by entries.entity_id, entries.entered_at, entries.entry_activity_id
    )

select *
from counted
where told_count is null or told_count <> paid_count
