with
    invoices as (select * from {{ ref("stg_stripe__invoices") }}),

    -- An invoice that is no subscription's may pay for an order that another system already tells of: it is left out.
    of_subscriptions as (
        select
            'stripe:' || invoice_id as invoice_id,
            'stripe' as source_system,
            invoice_id as source_record_id,
            'stripe:' || subscription_id as subscription_id,
            {{ record_key("'stripe'", "'customer'", "customer_id") }} as record_key,
            billing_reason = 'subscription_cycle' as is_of_a_new_period,
            currency,
            total_amount,
            revenue_amount,
            invoice_status = 'paid' as is_paid,
            case when invoice_status = 'paid' then paid_at end as paid_at,
            loaded_at
        from invoices
        where subscription_id is not null
    ),

    final as (
        select
            *,
            case
                when is_paid and revenue_amount > 0
                then
                    row_number() over (
                        partition by subscription_id, case when is_paid and revenue_amount > 0 then 1 else 0 end
                        order by paid_at asc nulls last, invoice_id asc nulls last
                    )
            end as payment_number
        from of_subscriptions
    )

select *
from final
