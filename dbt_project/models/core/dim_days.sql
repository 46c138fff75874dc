with
    spine as (
        {{
            dbt.date_spine(
                datepart="day",
                start_date="cast('" ~ var("calendar_start") ~ "' as date)",
                end_date=local_date(dbt.dateadd("day", 1, as_of())),
            )
        }}
    ),

    final as (select cast(date_day as date) as date_day from spine)

select *
from final
