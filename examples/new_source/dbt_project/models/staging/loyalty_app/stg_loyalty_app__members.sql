with
    source as (
        select *, min(_dlt_load_id) over (partition by source_account, id) as first_load_id
        from {{ source("raw_loyalty_app", "members") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by updated_at desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            {{ own_id("id") }} as member_id,
            email,
            phone,
            {{ utc_timestamp("joined_at") }} as joined_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
