with
    countries as (select * from {{ ref("countries") }}),
    crm_contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    shop_customers as (select * from {{ ref("stg_shopify__customers") }}),
    shop_orders as (select * from {{ ref("stg_shopify__orders") }}),
    shop_checkouts as (select * from {{ ref("stg_shopify__abandoned_checkouts") }}),
    inbox_contacts as (select * from {{ ref("stg_respond_io__contacts") }}),
    billing_customers as (select * from {{ ref("stg_stripe__customers") }}),
    billing_subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    file_customers as (select * from {{ ref("stg_files__customers") }}),
    file_leads as (select * from {{ ref("stg_files__leads") }}),
    file_orders as (select * from {{ ref("stg_files__orders") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),
    file_surveys as (select * from {{ ref("stg_files__surveys") }}),
    file_subscriptions as (select * from {{ ref("stg_files__subscriptions") }}),

    -- An order or answer without a customer record is its own record where it carries a way to reach someone.
    guests as (
        select
            'shopify' as source_system,
            'guest_order' as record_type,
            order_id as source_record_id,
            email,
            phone,
            cast(null as {{ dbt.type_string() }}) as country,
            ordered_at as created_at,
            loaded_at
        from shop_orders
        where customer_id is null and (email is not null or phone is not null) and not is_test
        union all
        select 'shopify', 'guest_checkout', checkout_id, email, phone, null, started_at, loaded_at
        from shop_checkouts
        where customer_id is null and (email is not null or phone is not null)
        union all
        select 'files', 'guest_order', order_id, email, phone, null, ordered_at, loaded_at
        from file_orders
        where customer_id is null and (email is not null or phone is not null) and not is_test
        union all
        select 'files', 'guest_conversation', conversation_id, email, phone, null, opened_at, loaded_at
        from file_conversations
        where customer_id is null and (email is not null or phone is not null)
        union all
        select 'files', 'guest_survey', response_id, email, null, null, responded_at, loaded_at
        from file_surveys
        where customer_id is null and email is not null
        union all
        select
            'files',
            'guest_subscription',
            subscription_id,
            email,
            null,
            null,
            coalesce(trial_started_at, started_at),
            loaded_at
        from file_subscriptions
        where customer_id is null and email is not null
    ),

    unioned as (
        select
            'hubspot' as source_system,
            'contact' as record_type,
            contact_id as source_record_id,
            email,
            additional_emails,
            phone,
            upper(country) as country,
            customer_number,
            first_name,
            last_name,
            is_archived,
            created_at,
            loaded_at
        from crm_contacts
        union all
        select
            'shopify',
            'customer',
            customer_id,
            email,
            null,
            phone,
            upper(country),
            customer_number,
            first_name,
            last_name,
            false,
            created_at,
            loaded_at
        from shop_customers
        union all
        select
            'respond_io',
            'contact',
            contact_id,
            email,
            null,
            phone,
            upper(country),
            customer_number,
            first_name,
            last_name,
            false,
            created_at,
            loaded_at
        from inbox_contacts
        union all
        -- A customer that was deleted without ever subscribing was nobody.
        select
            'stripe',
            'customer',
            customer_id,
            email,
            null,
            phone,
            upper(country),
            customer_number,
            -- A name in one piece: which part is which cannot be told.
            null,
            null,
            is_deleted,
            created_at,
            loaded_at
        from billing_customers
        where not is_deleted or customer_id in (select customer_id from billing_subscriptions)
        union all
        select
            'files',
            'customer',
            customer_id,
            email,
            null,
            phone,
            upper(country),
            customer_number,
            first_name,
            last_name,
            false,
            created_at,
            loaded_at
        from file_customers
        union all
        select
            'files',
            'lead',
            lead_id,
            email,
            null,
            phone,
            null,
            null,
            first_name,
            last_name,
            false,
            created_at,
            loaded_at
        from file_leads
        union all
        select
            source_system,
            record_type,
            source_record_id,
            email,
            null,
            phone,
            country,
            null,
            null,
            null,
            false,
            created_at,
            loaded_at
        from guests
    ),

    -- Systems write a country as its code or by its name.
    keyed as (
        select
            {{ record_key("unioned.source_system", "unioned.record_type", "unioned.source_record_id") }} as record_key,
            unioned.source_system,
            unioned.record_type,
            unioned.source_record_id,
            unioned.email,
            unioned.additional_emails,
            unioned.phone,
            coalesce(countries.country, unioned.country) as country,
            unioned.customer_number,
            unioned.first_name,
            unioned.last_name,
            unioned.is_archived,
            unioned.created_at,
            unioned.loaded_at
        from unioned
        left join countries on upper(countries.country_name) = unioned.country
    )

select *
from keyed
