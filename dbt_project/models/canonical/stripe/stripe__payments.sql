with
    invoices as (select * from {{ ref("stg_stripe__invoices") }}),
    invoice_payments as (select * from {{ ref("stg_stripe__invoice_payments") }}),
    charges as (select * from {{ ref("stg_stripe__charges") }}),

    -- An invoice names what it was paid by: a payment intent or a charge.
    invoiced as (
        select payment_intent_id as payment_key
        from invoice_payments
        union
        select charge_id as payment_key
        from invoice_payments
    ),

    unioned as (
        select
            source_account,
            invoice_id as payment_id,
            customer_id,
            cast(null as {{ dbt.type_string() }}) as email,
            cast(null as {{ dbt.type_string() }}) as phone,
            currency,
            total_amount,
            {{ money("total_amount - revenue_amount") }} as tax_amount,
            created_at,
            paid_at,
            loaded_at
        from invoices
        where subscription_id is null and invoice_status = 'paid' and paid_at is not null and total_amount > 0
        union all
        select
            charges.source_account,
            charges.charge_id as payment_id,
            charges.customer_id,
            charges.email,
            charges.phone,
            charges.currency,
            charges.captured_amount as total_amount,
            {{ money("0") }} as tax_amount,
            charges.created_at,
            charges.created_at as paid_at,
            charges.loaded_at
        from charges
        left join invoiced as by_intent on by_intent.payment_key = charges.payment_intent_id
        left join invoiced as by_charge on by_charge.payment_key = charges.charge_id
        where
            charges.charge_status = 'succeeded'
            and charges.captured_amount > 0
            and by_intent.payment_key is null
            and by_charge.payment_key is null
    ),

    final as (select *, 'stripe' as payment_type from unioned)

select *
from final
