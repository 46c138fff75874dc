with
    source as (select * from {{ source("raw_files", "exchange_rates") }}),

    -- Where two mappings quote the same pair and day, the one whose name comes first counts.
    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by rate_date, upper(base_currency), upper(quote_currency) order by mapping asc nulls last
            )
            = 1
    ),

    renamed as (
        select
            rate_date,
            upper(base_currency) as base_currency,
            upper(quote_currency) as quote_currency,
            rate::decimal(28, 10) as rate
        from current_versions
    )

select *
from renamed
