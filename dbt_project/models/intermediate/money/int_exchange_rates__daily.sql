with
    days as (select * from {{ ref("int_calendar__days") }}),
    quoted_rates as (select * from {{ ref("int_exchange_rates__unioned") }}),

    -- A pair serves both ways; where a day has several rates of one, the lowest counts.
    pairs as (
        select rate_date, base_currency, quote_currency, rate::double as rate
        from quoted_rates
        where rate > 0
        union all
        select
            rate_date,
            quote_currency as base_currency,
            base_currency as quote_currency,
            1 / nullif(rate::double, 0) as rate
        from quoted_rates
        where rate > 0
    ),

    distinct_pairs as (
        select rate_date, base_currency, quote_currency, min(rate) as rate
        from pairs
        group by rate_date, base_currency, quote_currency
    ),

    -- A day without a quote takes the last one before it.
    validities as (
        select
            base_currency,
            quote_currency,
            rate,
            rate_date as valid_from,
            lead(rate_date) over (
                partition by base_currency, quote_currency order by rate_date asc nulls last
            ) as valid_until
        from distinct_pairs
    ),

    daily_pairs as (
        select days.date_day, validities.base_currency, validities.quote_currency, validities.rate
        from validities
        inner join
            days
            on days.date_day >= validities.valid_from
            and (days.date_day < validities.valid_until or validities.valid_until is null)
    ),

    direct_rates as (
        select date_day, base_currency as currency, rate as rate_to_reporting, 1 as step_count
        from daily_pairs
        where quote_currency = {{ reporting_currency() }}
    ),

    -- Through a third currency, as central banks quote one base against all others.
    crossed_rates as (
        select
        into_pivot.date_day,
        into_pivot.base_currency as currency,
        min(into_pivot.rate * out_of_pivot.rate) as rate_to_reporting,
        2 as step_count
        from daily_pairs as into_pivot
        inner join
            daily_pairs as out_of_pivot
            on out_of_pivot.date_day = into_pivot.date_day
            and out_of_pivot.base_currency = into_pivot.quote_currency
        where out_of_pivot.quote_currency = {{ reporting_currency() }}
        group by into_pivot.date_day, into_pivot.base_currency
    ),

    own_rates as (
        select date_day, {{ reporting_currency() }} as currency, 1::double as rate_to_reporting, 0 as step_count
        from days
    ),

    unioned as (
        select date_day, currency, rate_to_reporting, step_count
        from own_rates
        union all
        select date_day, currency, rate_to_reporting, step_count
        from direct_rates
        union all
        select date_day, currency, rate_to_reporting, step_count
        from crossed_rates
    ),

    final as (
        select date_day, currency, {{ decimal_from_double("rate_to_reporting", 28, 12) }} as rate_to_reporting
        from unioned
        -- Beyond these limits a rate would be rounded to nothing or not fit: then there is none.
        where rate_to_reporting between 1e-9 and 1e12
        qualify row_number() over (partition by date_day, currency order by step_count asc nulls last) = 1
    )

select *
from final
