with
    source as (select * from {{ source("raw_hubspot", "owners") }}),

    current_versions as (select * from source where _dlt_valid_to is null),

    renamed as (
        select
            {{ own_id("id") }} as owner_id,
            email,
            trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) as owner_name,
            archived as is_archived
        from current_versions
    )

select *
from renamed
