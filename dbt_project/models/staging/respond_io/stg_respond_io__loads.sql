with
    source as (select * from {{ source("raw_respond_io", "load_audit") }}),

    renamed as (
        select _dlt_load_id as load_id, {{ utc_timestamp("min(loaded_as_of)") }} as loaded_as_of
        from source
        group by _dlt_load_id
    )

select *
from renamed
