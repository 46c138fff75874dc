with
    deals as (select * from {{ ref("stg_files__deals") }}),
    accounts as (select * from {{ ref("stg_files__accounts") }}),

    -- A deal that names no customer belongs to its lead.
    final as (
        select
            deals.deal_id,
            deals.deal_name,
            {{
                file_account_id(
                    "coalesce(nullif(trim(deals.account_name), ''), accounts.account_name)",
                    "deals.account_id",
                    "deals.company",
                )
            }} as account_id,
            coalesce(deals.customer_id, deals.lead_id) as customer_id,
            case when deals.customer_id is null then 'lead' else 'customer' end as customer_record_type,
            nullif(trim(deals.owner_name), '') as owner_user_id,
            deals.deal_amount,
            deals.currency,
            deals.lost_reason,
            deals.created_at,
            deals.loaded_at
        from deals
        left join accounts on accounts.account_id = deals.account_id
    )

select *
from final
