with
    companies as (select * from {{ ref("stg_hubspot__companies") }}),

    final as (
        select
            company_id as account_id,
            company_name as account_name,
            parent_company_id as parent_account_id,
            domain,
            industry,
            country,
            created_at,
            loaded_at
        from companies
        where not is_archived
    )

select *
from final
