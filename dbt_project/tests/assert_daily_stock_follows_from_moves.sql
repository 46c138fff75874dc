-- What is in a stage at the end of a day was there the day before or came, and did not leave; the first day starts
-- empty.
with
    daily as (select * from {{ ref("lifecycle_daily") }}),

    followed as (
        select
            *,
            coalesce(
                lag(entities_in_stage) over (partition by lifecycle_model, stage order by date_day asc nulls last), 0
            ) as stock_before
        from daily
    )

select *
from followed
where entities_in_stage <> stock_before + entered_count - left_count
