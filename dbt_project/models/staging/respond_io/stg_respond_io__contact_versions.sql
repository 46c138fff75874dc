with
    source as (select * from {{ source("raw_respond_io", "contacts") }}),

    renamed as (
        select
            {{ own_id("id") }} as contact_id,
            _dlt_load_id || ':' || _dlt_id as version_id,
            nullif(lifecycle, '') as inbox_stage,
            status as contact_status,
            _dlt_load_id as load_id,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
