with
    inbox_events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    inbox_channels as (select * from {{ ref("stg_respond_io__channels") }}),
    blocked_contacts as (select contact_id from {{ ref("stg_respond_io__contacts") }} where is_blocked),
    conversation_events as (select * from {{ ref("int_conversation_events__unioned") }}),
    ads as (select * from {{ ref("stg_meta_ads__ads") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),
    merged_contacts as (
        select
            {{ record_key("'respond_io'", "'contact'", "merged_id") }} as record_key,
            {{ record_key("'respond_io'", "'contact'", "survivor_id") }} as surviving_record_key
        from {{ ref("int_crm_merges__followed") }}
        where record_type = 'inbox_contact'
    ),

    -- A closing tells of its opening too, whose own event may have been lost.
    tellings as (
        select
            event_id,
            conversation_id,
            contact_id,
            channel_id,
            ad_id,
            conversation_source,
            case when event_type = 'conversation.opened' then occurred_at else conversation_opened_at end as opened_at,
            event_type = 'conversation.closed' as is_told_by_closing,
            loaded_at
        from inbox_events
        where event_type in ('conversation.opened', 'conversation.closed')
    ),

    openings as (
        select *
        from tellings
        where opened_at is not null and contact_id not in (select contact_id from blocked_contacts)
        qualify
            row_number() over (
                partition by conversation_id
                order by is_told_by_closing asc nulls last, opened_at asc nulls last, event_id asc nulls last
            )
            = 1
    ),

    -- A conversation that was opened again ends with its last closing.
    closings as (
        select *
        from conversation_events
        where event = 'closed'
        qualify
            row_number() over (
                partition by conversation_id order by occurred_at desc nulls last, event_id desc nulls last
            )
            = 1
    ),

    inbox_conversations as (
        select
            'respond_io' as source_system,
            openings.conversation_id as source_record_id,
            coalesce(
                merged_contacts.surviving_record_key,
                {{ record_key("'respond_io'", "'contact'", "openings.contact_id") }}
            ) as record_key,
            coalesce(inbox_channels.channel, 'unknown') as channel,
            openings.ad_id,
            coalesce(campaigns.campaign_id, ads.campaign_id) as campaign_id,
            openings.conversation_source as opened_by_source,
            openings.opened_at,
            openings.loaded_at
        from openings
        left join inbox_channels on inbox_channels.channel_id = openings.channel_id
        left join
            merged_contacts
            on merged_contacts.record_key = {{ record_key("'respond_io'", "'contact'", "openings.contact_id") }}
        left join ads on ads.ad_id = openings.ad_id
        left join
            campaigns
            on campaigns.ad_account_id = ads.ad_account_id
            and campaigns.platform_campaign_id = ads.campaign_id
    ),

    unioned as (
        select *
        from inbox_conversations
        union all
        select
            'files',
            conversation_id,
            case
                when customer_id is not null
                then {{ record_key("'files'", "'customer'", "customer_id") }}
                else {{ record_key("'files'", "'guest_conversation'", "conversation_id") }}
            end,
            coalesce(channel, 'unknown'),
            null,
            campaign_id,
            'contact',
            opened_at,
            loaded_at
        from file_conversations
    ),

    keyed as (select source_system || ':' || source_record_id as conversation_id, unioned.* from unioned),

    spam as (select distinct conversation_id from conversation_events where is_spam),

    final as (
        select
            keyed.conversation_id,
            keyed.source_system,
            keyed.source_record_id,
            keyed.record_key,
            keyed.channel,
            keyed.ad_id,
            keyed.campaign_id,
            keyed.opened_by_source,
            -- Whoever is not known to have written first was written to.
            case
                when keyed.opened_by_source in ('contact', 'ctc_ads', 'growth_widget') then 'contact' else 'company'
            end as begun_by,
            keyed.opened_at,
            keyed.loaded_at,
            closings.occurred_at as closed_at,
            closings.closing_category,
            closings.closed_by_source,
            closings.closed_by_user_id,
            vocabulary.reason as closing_reason
        from keyed
        left join closings on closings.conversation_id = keyed.conversation_id
        left join
            vocabulary
            on vocabulary.source_system = keyed.source_system
            and vocabulary.kind = 'closing_category'
            and vocabulary.value = closings.closing_category
        where keyed.conversation_id not in (select conversation_id from spam)
    )

select *
from final
