with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),

    final as (
        select
            deal_id,
            deal_name,
            owner_id as owner_user_id,
            deal_amount,
            currency,
            lost_reason,
            created_at,
            closed_at,
            loaded_at
        from deals
        where not is_archived
    )

select *
from final
