with
    source as (select * from {{ source("raw_hubspot", "deal_companies") }}),

    -- A deal without any is one row with null, so that what was taken away is retired.
    current_versions as (
        select *
        from source
        where _dlt_valid_to is null and company_id is not null
        qualify
            row_number() over (
                partition by source_account, deal_id, company_id
                order by label nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    -- The portal's own labels may say anything: HubSpot's primary company is known by the id of the type alone.
    renamed as (
        select
            {{ own_id("deal_id") }} as deal_id,
            {{ own_id("company_id") }} as company_id,
            label as role,
            coalesce(';' || association_types || ';' like '%;HUBSPOT_DEFINED:5;%', false) as is_primary
        from current_versions
    )

select *
from renamed
