with
    source as (select * from {{ source("raw_hubspot", "deal_property_history") }}),

    renamed as (
        select
            {{ own_id("object_id") }} as deal_id,
            property as property_name,
            value as property_value,
            source_type as changed_by_source,
            {{ own_id("updated_by_user_id") }} as changed_by_user_id,
            {{ utc_timestamp("timestamp") }} as changed_at,
            {{ load_instant("_dlt_load_id") }} as loaded_at
        from source
    )

select *
from renamed
