with
    countries as (select * from {{ ref("countries") }}),
    contacts as (select * from {{ ref("int_contacts__unioned") }}),
    orders as (select * from {{ ref("int_orders__unioned") }}),
    checkouts as (select * from {{ ref("int_checkouts__unioned") }}),
    payments as (select * from {{ ref("int_payments__separated") }} where is_order),
    subscriptions as (select * from {{ ref("int_subscriptions__unioned") }}),
    conversations as (select * from {{ ref("int_conversations__unioned") }}),
    messages as (select * from {{ ref("int_messages__unioned") }}),
    surveys as (select * from {{ ref("int_surveys__unioned") }}),
    consents as (select * from {{ ref("int_consents__unioned") }}),
    assignments as (select * from {{ ref("int_experiment_assignments__unioned") }}),
    refunds as (select * from {{ ref("int_refunds__unioned") }}),
    deals as (select * from {{ ref("int_deals__unioned") }}),

    -- Records with a way to reach someone who may not be a customer.
    addressed as (
        select
            source_system,
            source_account,
            'guest_order' as record_type,
            source_record_id,
            customer_id,
            email,
            phone,
            ordered_at as happened_at,
            loaded_at
        from orders
        where not is_test
        union all
        select
            source_system,
            source_account,
            'guest_checkout' as record_type,
            source_record_id,
            customer_id,
            email,
            phone,
            started_at as happened_at,
            loaded_at
        from checkouts
        union all
        select
            source_system,
            source_account,
            'guest_payment' as record_type,
            source_record_id,
            customer_id,
            email,
            phone,
            paid_at as happened_at,
            loaded_at
        from payments
        union all
        select
            source_system,
            source_account,
            'guest_subscription' as record_type,
            source_record_id,
            customer_id,
            email,
            null as phone,
            created_at as happened_at,
            loaded_at
        from subscriptions
        union all
        select
            source_system,
            null as source_account,
            'guest_conversation' as record_type,
            source_record_id,
            customer_id,
            email,
            phone,
            opened_at as happened_at,
            loaded_at
        from conversations
        where coalesce(customer_record_type, 'customer') = 'customer'
        union all
        select
            source_system,
            null as source_account,
            'guest_survey' as record_type,
            source_record_id,
            customer_id,
            email,
            null as phone,
            responded_at as happened_at,
            loaded_at
        from surveys
        where coalesce(customer_record_type, 'customer') = 'customer'
        union all
        select
            source_system,
            null as source_account,
            'guest_consent' as record_type,
            source_record_id,
            customer_id,
            email,
            phone,
            stated_at as happened_at,
            loaded_at
        from consents
        union all
        select
            source_system,
            null as source_account,
            'guest_assignment' as record_type,
            source_record_id,
            customer_id,
            email,
            null as phone,
            assigned_at as happened_at,
            loaded_at
        from assignments
        union all
        -- A refund belongs to its order's customer if the order has one.
        select
            refunds.source_system,
            null as source_account,
            'guest_refund' as record_type,
            refunds.source_record_id,
            refunds.customer_id,
            case when refunds.customer_id is not null or orders.record_key is null then refunds.email end as email,
            null as phone,
            refunds.refunded_at as happened_at,
            refunds.loaded_at
        from refunds
        left join orders on orders.order_id = refunds.order_id
    ),

    -- An order, answer or assignment without a customer is a record itself if it has a way to reach someone.
    guests as (
        select
            source_system,
            source_account,
            record_type,
            source_record_id,
            email,
            phone,
            happened_at as created_at,
            loaded_at
        from addressed
        where customer_id is null and (email is not null or phone is not null)
    ),

    -- Messages are many, and name their customers again and again.
    correspondents as (
        select source_system, customer_id, min(sent_at) as mentioned_at, min(loaded_at) as loaded_at
        from messages
        where customer_id is not null and coalesce(customer_record_type, 'customer') = 'customer'
        group by source_system, customer_id
    ),

    -- A customer named by a record is a customer, even if the list of customers lacks them.
    mentions as (
        select source_system, source_account, customer_id, email, phone, happened_at as mentioned_at, loaded_at
        from addressed
        where customer_id is not null
        union all
        select
            source_system,
            null as source_account,
            customer_id,
            null as email,
            null as phone,
            created_at as mentioned_at,
            loaded_at
        from deals
        where customer_id is not null and coalesce(customer_record_type, 'customer') = 'customer'
        union all
        select source_system, null as source_account, customer_id, null as email, null as phone, mentioned_at, loaded_at
        from correspondents
    ),

    -- Some records count only if another record names them as its customer.
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
            max(mentions.source_account) as source_account,
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
        where contacts.record_id is null
        group by mentions.source_system, mentions.customer_id
    ),

    -- A record that is in no list of customers has no number, name or origin.
    unlisted as (
        select
            source_system,
            source_account,
            record_type,
            source_record_id,
            email,
            phone,
            created_at,
            loaded_at,
            false as is_only_mentioned
        from guests
        union all
        select
            source_system,
            source_account,
            'customer' as record_type,
            customer_id as source_record_id,
            email,
            phone,
            created_at,
            loaded_at,
            true as is_only_mentioned
        from mentioned_customers
    ),

    unioned as (
        select
            source_system,
            source_account,
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
            source_account,
            record_type,
            source_record_id,
            email,
            null as additional_emails,
            phone,
            null as country,
            null as customer_number,
            null as first_name,
            null as last_name,
            false as is_archived,
            is_only_mentioned,
            null as stated_channel,
            null as stated_campaign_id,
            created_at,
            loaded_at
        from unlisted
    ),

    -- Systems write a country as its code or by its name.
    keyed as (
        select
            {{ record_key("unioned.source_system", "unioned.record_type", "unioned.source_record_id") }} as record_key,
            unioned.source_system,
            unioned.source_account,
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
