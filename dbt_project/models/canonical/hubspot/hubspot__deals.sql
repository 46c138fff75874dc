with
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    owners as (select * from {{ ref("stg_hubspot__owners") }}),

    final as (
        select
            deals.deal_id,
            deals.deal_name,
            owners.owner_name,
            deals.deal_amount,
            deals.currency,
            deals.lost_reason,
            deals.created_at,
            deals.closed_at,
            deals.loaded_at
        from deals
        left join owners on owners.owner_id = deals.owner_id
        where not deals.is_archived
    )

select *
from final
