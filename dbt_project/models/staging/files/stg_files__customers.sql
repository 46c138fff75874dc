with
    source as (select * from {{ source("raw_files", "customers") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            mapping,
            mapping || ':' || customer_id as customer_id,
            email,
            phone,
            first_name,
            last_name,
            company_name,
            country,
            customer_number,
            channel,
            campaign_id,
            {{ utc_timestamp("created_at") }} as created_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from current_versions
    )

select *
from renamed
