with
    source as (select * from {{ source("raw_hubspot", "deal_contacts") }}),

    -- A deal without any is one row with null, so that what was taken away is retired.
    current_versions as (
        select *
        from source
        where _dlt_valid_to is null and contact_id is not null
        qualify
            row_number() over (
                partition by source_account, deal_id, contact_id
                order by label nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select {{ own_id("deal_id") }} as deal_id, {{ own_id("contact_id") }} as contact_id, label as role
        from current_versions
    )

select *
from renamed
