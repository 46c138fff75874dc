with
    source as (select * from {{ source("raw_shopify", "deletions") }}),

    renamed as (
        select {{ own_id("subject_id") }} as order_id, max({{ utc_timestamp("created_at") }}) as deleted_at
        from source
        where subject_type = 'ORDER'
        group by source_account, subject_id
    )

select *
from renamed
