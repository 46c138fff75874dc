with
    spine as (
        {{
            dbt.date_spine(
                datepart="day",
                start_date=first_date(),
                end_date=dbt.dateadd("day", 1, as_of_date()),
            )
        }}
    ),

    final as (select cast(date_day as date) as date_day from spine)

select *
from final
