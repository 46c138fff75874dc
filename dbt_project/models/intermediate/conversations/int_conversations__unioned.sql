with
    inbox_events as (select * from {{ ref("stg_respond_io__webhook_events") }}),
    inbox_channels as (select * from {{ ref("stg_respond_io__channels") }}),
    ads as (select * from {{ ref("stg_meta_ads__ads") }}),
    campaigns as (select * from {{ ref("int_campaigns__unioned") }}),
    file_conversations as (select * from {{ ref("stg_files__conversations") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    openings as (select * from inbox_events where event_type = 'conversation.opened'),

    closings as (
        select *
        from inbox_events
        where event_type = 'conversation.closed'
        qualify
            row_number() over (
                partition by conversation_id order by occurred_at asc nulls last, event_id asc nulls last
            )
            = 1
    ),

    inbox_conversations as (
        select
            'respond_io' as source_system,
            openings.conversation_id as source_record_id,
            {{ record_key("'respond_io'", "'contact'", "openings.contact_id") }} as record_key,
            coalesce(inbox_channels.channel, 'unknown') as channel,
            openings.ad_id,
            coalesce(campaigns.campaign_id, ads.campaign_id) as campaign_id,
            openings.conversation_source as opened_by_source,
            openings.occurred_at as opened_at,
            closings.occurred_at as closed_at,
            closings.closing_category,
            closings.closed_by_source,
            closings.user_id as closed_by_user_id,
            openings.loaded_at,
            closings.loaded_at as closing_loaded_at
        from openings
        left join closings on closings.conversation_id = openings.conversation_id
        left join inbox_channels on inbox_channels.channel_id = openings.channel_id
        left join ads on ads.ad_id = openings.ad_id
        left join
            campaigns
            on campaigns.ad_account_id = ads.ad_account_id
            and campaigns.platform_campaign_id = ads.campaign_id
        qualify
            row_number() over (
                partition by openings.conversation_id
                order by openings.occurred_at asc nulls last, openings.event_id asc nulls last
            )
            = 1
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
            closed_at,
            closing_category,
            null,
            null,
            loaded_at,
            loaded_at
        from file_conversations
    ),

    final as (
        select
            unioned.source_system || ':' || unioned.source_record_id as conversation_id,
            unioned.*,
            vocabulary.reason as closing_reason
        from unioned
        left join
            vocabulary
            on vocabulary.source_system = unioned.source_system
            and vocabulary.kind = 'closing_category'
            and vocabulary.value = unioned.closing_category
    )

select *
from final
