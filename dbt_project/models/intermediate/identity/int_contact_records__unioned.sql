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
    file_refunds as (select * from {{ ref("stg_files__refunds") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    file_messages as (select * from {{ ref("stg_files__messages") }}),

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
        union all
        -- A refund is its order's customer's where the order has one.
        select
            'files',
            'guest_refund',
            file_refunds.refund_id,
            file_refunds.email,
            null,
            null,
            file_refunds.refunded_at,
            file_refunds.loaded_at
        from file_refunds
        left join file_orders on file_orders.order_id = file_refunds.order_id
        where
            file_refunds.customer_id is null
            and file_refunds.email is not null
            and coalesce(file_orders.customer_id, file_orders.email, file_orders.phone) is null
    ),

    -- Whom a record names as its customer is one, also where the list of customers lacks them.
    mentions as (
        select 'shopify' as source_system, customer_id, email, phone, ordered_at as mentioned_at, loaded_at
        from shop_orders
        where not is_test
        union all
        select 'shopify', customer_id, email, phone, started_at, loaded_at
        from shop_checkouts
        union all
        select 'stripe', customer_id, null, null, created_at, loaded_at
        from billing_subscriptions
        union all
        select 'files', customer_id, email, phone, ordered_at, loaded_at
        from file_orders
        where not is_test
        union all
        select 'files', customer_id, email, phone, opened_at, loaded_at
        from file_conversations
        union all
        select 'files', customer_id, email, null, responded_at, loaded_at
        from file_surveys
        union all
        select 'files', customer_id, email, null, coalesce(trial_started_at, started_at), loaded_at
        from file_subscriptions
        union all
        select 'files', customer_id, email, null, refunded_at, loaded_at
        from file_refunds
        union all
        select 'files', customer_id, null, null, created_at, loaded_at
        from file_deals
        union all
        select 'files', customer_id, null, null, sent_at, loaded_at
        from file_messages
    ),

    listed_customers as (
        select 'shopify' as source_system, customer_id
        from shop_customers
        union all
        select 'stripe', customer_id
        from billing_customers
        union all
        select 'files', customer_id
        from file_customers
    ),

    mentioned_customers as (
        select
            mentions.source_system,
            mentions.customer_id,
            {{ sorted_list("mentions.email") }} as email,
            {{ sorted_list("mentions.phone") }} as phone,
            min(mentions.mentioned_at) as created_at,
            min(mentions.loaded_at) as loaded_at
        from mentions
        left join
            listed_customers
            on listed_customers.source_system = mentions.source_system
            and listed_customers.customer_id = mentions.customer_id
        where mentions.customer_id is not null and listed_customers.customer_id is null
        group by mentions.source_system, mentions.customer_id
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
            false as is_only_mentioned,
            cast(null as {{ dbt.type_string() }}) as stated_channel,
            cast(null as {{ dbt.type_string() }}) as stated_campaign_id,
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
            false,
            null,
            null,
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
            false,
            null,
            null,
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
            false,
            null,
            null,
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
            false,
            channel,
            campaign_id,
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
            customer_number,
            first_name,
            last_name,
            false,
            false,
            null,
            null,
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
            false,
            null,
            null,
            created_at,
            loaded_at
        from guests
        union all
        select
            source_system,
            'customer',
            customer_id,
            email,
            null,
            phone,
            null,
            null,
            null,
            null,
            false,
            true,
            null,
            null,
            created_at,
            loaded_at
        from mentioned_customers
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
            unioned.is_only_mentioned,
            unioned.stated_channel,
            unioned.stated_campaign_id,
            unioned.created_at,
            unioned.loaded_at
        from unioned
        left join countries on upper(countries.country_name) = unioned.country
    )

select *
from keyed
