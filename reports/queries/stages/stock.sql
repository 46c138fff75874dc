with
    days as (
        select *, max(date_day) over () as last_day, date_day = last_day(date_day) as is_month_end
        from marts.lifecycle_daily
    )

select
    lifecycle_model,
    date_day,
    stage_label_en,
    stage_label_fr,
    entities_in_stage as people,
    is_month_end or date_day = last_day as is_in_table
from days
where isodow(date_day) = 7 or is_month_end or date_day > last_day - 31
order by lifecycle_model, stage_order, date_day
