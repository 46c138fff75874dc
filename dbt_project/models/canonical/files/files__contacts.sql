with
    customers as (select * from {{ ref("stg_files__customers") }}),
    leads as (select * from {{ ref("stg_files__leads") }}),

    -- A lead's activities say where it came from.
    final as (
        select
            'customer' as record_type,
            customer_id as record_id,
            email,
            phone,
            country,
            customer_number,
            first_name,
            last_name,
            channel,
            campaign_id,
            {{ file_account_id("company_name") }} as account_id,
            created_at,
            loaded_at
        from customers
        union all
        select
            'lead' as record_type,
            lead_id as record_id,
            email,
            phone,
            null as country,
            customer_number,
            first_name,
            last_name,
            null as channel,
            null as campaign_id,
            null as account_id,
            created_at,
            loaded_at
        from leads
    )

select *
from final
