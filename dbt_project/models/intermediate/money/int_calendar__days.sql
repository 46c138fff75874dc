with
    spine as (
        {{
            dbt.date_spine(
                datepart="day",
                start_date="cast('" ~ first_day() ~ "' as date)",
                end_date="cast(" ~ dbt.dateadd("day", 1, as_of()) ~ " as date)",
            )
        }}
    ),

    final as (select cast(date_day as date) as date_day from spine)

select *
from final
