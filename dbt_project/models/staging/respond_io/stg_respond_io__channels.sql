with
    source as (select * from {{ source("raw_respond_io", "channels") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (select {{ own_id("id") }} as channel_id, name as channel_name, source as channel from current_versions)

select *
from renamed
