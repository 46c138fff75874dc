with
    source as (select * from {{ source("raw_respond_io", "users") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            {{ own_id("id") }} as user_id,
            email,
            trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) as user_name,
            role as user_role,
            {{ own_id("team_id") }} as team_id
        from current_versions
    )

select *
from renamed
