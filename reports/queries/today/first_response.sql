with
    months as (
        select response.month, response.median_seconds
        from marts.first_response_times as response
        where
            response.breakdown = 'all'
            and response.month is not null
            and response.month < (select date_trunc('month', max(date_day)) from marts.calendar_days)
    )

select latest.month as period, latest.median_seconds as value, before.median_seconds as year_ago
from months as latest
left join months as before on before.month = latest.month - interval 1 year
where latest.month = (select max(month) from months)
