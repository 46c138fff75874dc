with
    conversations as (select * from {{ ref("int_conversations__unioned") }}),
    conversation_events as (select * from {{ ref("int_conversation_events__judged") }}),
    merges as (select * from {{ ref("int_merges__followed") }}),
    ads as (select * from {{ ref("int_ads__unioned") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

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

    spam as (select distinct conversation_id from conversation_events where is_spam),

    final as (
        select
            conversations.conversation_id,
            conversations.source_system,
            conversations.source_record_id,
            coalesce(
                {{
                    record_key(
                        "conversations.source_system", "conversations.customer_record_type", "merges.survivor_id"
                    )
                }},
                conversations.record_key
            ) as record_key,
            coalesce(conversations.channel, 'unknown') as channel,
            conversations.ad_id,
            coalesce(conversations.campaign_id, campaigns.campaign_id, ads.campaign_id) as campaign_id,
            conversations.click_ids,
            conversations.opened_by_source,
            conversations.begun_by,
            conversations.opened_at,
            conversations.loaded_at,
            closings.occurred_at as closed_at,
            closings.closing_category,
            closings.closed_by_source,
            closings.closed_by_user_id,
            vocabulary.reason as closing_reason
        from conversations
        left join
            merges
            on merges.source_system = conversations.source_system
            and merges.record_type = conversations.customer_record_type
            and merges.merged_id = conversations.customer_id
        left join ads on ads.ad_id = conversations.ad_id
        left join
            campaigns
            on campaigns.ad_account_id = ads.ad_account_id
            and campaigns.platform_campaign_id = ads.campaign_id
        left join closings on closings.conversation_id = conversations.conversation_id
        left join
            vocabulary
            on vocabulary.source_system = conversations.source_system
            and vocabulary.kind = 'closing_category'
            and vocabulary.value = closings.closing_category
        where conversations.conversation_id not in (select conversation_id from spam)
    )

select *
from final
