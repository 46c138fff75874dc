with
    deal_companies as (select * from {{ ref("stg_hubspot__deal_companies") }}),

    final as (select deal_id, company_id as account_id, is_primary from deal_companies)

select *
from final
