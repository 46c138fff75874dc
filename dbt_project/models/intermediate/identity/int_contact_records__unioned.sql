with
    countries as (select * from {{ ref("countries") }}),
    contacts as (select * from {{ ref("int_contacts__unioned") }}),
    shop_orders as (select * from {{ ref("stg_shopify__orders") }}),
    shop_checkouts as (select * from {{ ref("stg_shopify__abandoned_checkouts") }}),
    billing_subscriptions as (select * from {{ ref("stg_stripe__subscriptions") }}),
    payments as (select * from {{ ref("int_payments__separated") }} where is_order),
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
            ordered_at as created_at,
            loaded_at
        from shop_orders
        where customer_id is null and (email is not null or phone is not null) and not is_test
        union all
        select 'shopify', 'guest_checkout', checkout_id, email, phone, started_at, loaded_at
        from shop_checkouts
        where customer_id is null and (email is not null or phone is not null)
        union all
        select source_system, 'guest_payment', source_record_id, email, phone, paid_at, loaded_at
        from payments
        where customer_id is null and (email is not null or phone is not null)
        union all
        select 'files', 'guest_order', order_id, email, phone, ordered_at, loaded_at
        from file_orders
        where customer_id is null and (email is not null or phone is not null) and not is_test
        union all
        select 'files', 'guest_conversation', conversation_id, email, phone, opened_at, loaded_at
        from file_conversations
        where customer_id is null and (email is not null or phone is not null)
        union all
        select 'files', 'guest_survey', response_id, email, null, responded_at, loaded_at
        from file_surveys
        where customer_id is null and email is not null
        union all
        select
            'files',
            'guest_subscription',
            subscription_id,
            email,
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
        select source_system, customer_id, email, phone, paid_at, loaded_at
        from payments
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

    -- Whoever is nobody unless another record names them is told by those.
    somebody as (
        select contacts.*
        from contacts
        where
            not coalesce(is_nobody_unless_named, false)
            or exists (
                select 1
                from mentions
                where
                    mentions.source_system = contacts.source_system
                    and mentions.customer_id = contacts.record_id
                    and contacts.record_type = 'customer'
            )
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
            contacts
            on contacts.record_type = 'customer'
            and contacts.source_system = mentions.source_system
            and contacts.record_id = mentions.customer_id
        where mentions.customer_id is not null and contacts.record_id is null
        group by mentions.source_system, mentions.customer_id
    ),

    -- What no list of customers has says nothing of numbers, names and where somebody came from.
    unlisted as (
        select
            source_system,
            record_type,
            source_record_id,
            email,
            phone,
            created_at,
            loaded_at,
            false as is_only_mentioned
        from guests
        union all
        select source_system, 'customer', customer_id, email, phone, created_at, loaded_at, true
        from mentioned_customers
    ),

    unioned as (
        select
            source_system,
            record_type,
            source_record_id,
            email,
            additional_emails,
            phone,
            upper(country) as country,
            customer_number,
            first_name,
            last_name,
            coalesce(is_archived, false) as is_archived,
            false as is_only_mentioned,
            channel as stated_channel,
            campaign_id as stated_campaign_id,
            created_at,
            loaded_at
        from somebody
        union all
        select
            source_system,
            record_type,
            source_record_id,
            email,
            null,
            phone,
            null,
            null,
            null,
            null,
            false,
            is_only_mentioned,
            null,
            null,
            created_at,
            loaded_at
        from unlisted
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
