with
    statements as (select * from {{ ref("stg_shopify__customer_consents") }}),

    final as (
        select
            customer_id || ':' || email_marketing_state || ':' || stated_at::string as consent_id,
            customer_id,
            'marketing' as purpose,
            'email' as channel,
            email_marketing_state = 'SUBSCRIBED' as is_granted,
            stated_at,
            loaded_at
        from statements
        where email_marketing_state in ('SUBSCRIBED', 'UNSUBSCRIBED')
    )

select *
from final
