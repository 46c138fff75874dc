with
    source as (select * from {{ source("raw_hubspot", "deal_companies") }}),

    current_versions as (
        select *
        from source
        where _dlt_valid_to is null
        qualify
            row_number() over (
                partition by deal_id, company_id
                order by label nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (select deal_id, company_id, label as role from current_versions)

select *
from renamed
