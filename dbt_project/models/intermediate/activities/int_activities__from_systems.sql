with
    activities as (select * from {{ ref("int_activities__unioned") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),
    spam_contacts as (
        select distinct record_key from {{ ref("int_conversation_events__judged") }} where is_spam_contact
    ),
    deals as (select * from {{ ref("int_deals__dated") }}),
    deal_changes as (select * from {{ ref("int_deal_changes__unioned") }}),

    -- A campaign is stated by its name or its id; the platform of the site takes precedence. If several have the name,
    -- it is not known which one is meant.
    stated_campaigns as (select distinct campaign_name, campaign_site from activities where campaign_name is not null),

    campaign_names as (
        select campaign_id, platform, sites, lower(trim(platform_campaign_id)) as campaign_name, 0 as place
        from campaigns
        union all
        select campaign_id, platform, sites, lower(trim(campaign_name)) as campaign_name, 1 as place
        from campaigns
        where lower(trim(campaign_name)) <> lower(trim(platform_campaign_id))
    ),

    named_campaigns as (
        select
            stated_campaigns.campaign_name,
            stated_campaigns.campaign_site,
            campaign_names.campaign_id,
            rank() over (
                partition by stated_campaigns.campaign_name, stated_campaigns.campaign_site
                order by
                    campaign_names.place asc nulls last,
                    case
                        when ',' || campaign_names.sites || ',' like '%,' || stated_campaigns.campaign_site || ',%'
                        then 0
                        when replace(lower(campaign_names.platform), '_ads', '') = stated_campaigns.campaign_site
                        then 0
                        else 1
                    end asc nulls last
            ) as place
        from stated_campaigns
        inner join campaign_names on campaign_names.campaign_name = lower(stated_campaigns.campaign_name)
    ),

    found_campaigns as (
        select campaign_name, campaign_site, min(campaign_id) as campaign_id
        from named_campaigns
        where place = 1
        group by campaign_name, campaign_site
        having count(*) = 1
    ),

    -- Nothing that a contact does who sends nothing but spam makes a lead.
    told as (
        select
            activities.activity,
            activities.source_system,
            activities.source_record_id,
            activities.record_key,
            activities.occurred_at,
            activities.channel,
            coalesce(activities.campaign_id, found_campaigns.campaign_id) as campaign_id,
            activities.ad_id,
            activities.amount,
            activities.currency,
            activities.attributes,
            activities.click_ids,
            activities.account_id,
            activities.loaded_at
        from activities
        left join
            found_campaigns
            on found_campaigns.campaign_name = activities.campaign_name
            and found_campaigns.campaign_site is not distinct from activities.campaign_site
        where not exists (select 1 from spam_contacts where spam_contacts.record_key = activities.record_key)
    ),

    deal_moves as (
        select
            deals.source_system,
            deals.source_record_id,
            deals.record_key,
            deals.account_id,
            deals.deal_amount,
            deals.currency,
            deal_changes.meaning,
            {{
                json_attributes(
                    {
                        "stage": "deal_changes.stage_id",
                        "meaning": "deal_changes.meaning",
                        "reason": "deal_changes.lost_reason",
                    }
                )
            }} as attributes,
            deal_changes.changed_at,
            deal_changes.loaded_at
        from deal_changes
        inner join deals on deals.deal_id = deal_changes.deal_id
    ),

    -- A stage may stand for something that happened: a meeting, a qualification, a quote.
    deal_activities as (
        select
            'deal_stage_changed' as activity,
            source_system,
            source_record_id,
            record_key,
            account_id,
            deal_amount,
            currency,
            attributes,
            changed_at,
            loaded_at
        from deal_moves
        union all
        select
            meaning as activity,
            source_system,
            source_record_id,
            record_key,
            account_id,
            deal_amount,
            currency,
            null as attributes,
            changed_at,
            loaded_at
        from deal_moves
        where meaning in ({{ quoted_list(activity_vocabulary()) }})
    ),

    unioned as (
        select
            activity,
            source_system,
            source_record_id,
            record_key,
            occurred_at,
            channel,
            campaign_id,
            ad_id,
            amount,
            currency,
            attributes,
            click_ids,
            account_id,
            loaded_at
        from told
        union all
        select
            activity,
            source_system,
            source_record_id,
            record_key,
            changed_at as occurred_at,
            'crm' as channel,
            null as campaign_id,
            null as ad_id,
            deal_amount as amount,
            currency,
            attributes,
            null as click_ids,
            account_id,
            loaded_at
        from deal_activities
    )

select *
from unioned
