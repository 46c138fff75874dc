with
    days as (select * from {{ ref("dim_days") }}),

    periods as (
        select
            date_day,
            cast({{ dbt.date_trunc("week", "date_day") }} as date) as week,
            cast({{ dbt.date_trunc("month", "date_day") }} as date) as month,
            cast({{ dbt.date_trunc("quarter", "date_day") }} as date) as quarter,
            cast({{ dbt.date_trunc("year", "date_day") }} as date) as year
        from days
    ),

    numbered as (
        select
            *,
            {{
                days_between(
                    midnight("week"),
                    midnight("date_day"),
                )
            }}::int + 1 as weekday_number
        from periods
    ),

    final as (
        select
            date_day,
            week,
            month,
            quarter,
            year,
            extract(month from date_day)::int as month_number,
            weekday_number,
            weekday_number > 5 as is_weekend,
            cast(month + interval '1' month as date) <= {{ local_date(as_of()) }} as is_in_complete_month
        from numbered
    )

select *
from final
