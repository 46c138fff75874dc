with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    contact_history as (select * from {{ ref("stg_hubspot__contact_property_history") }}),
    merges as (select * from {{ ref("int_crm_merges__followed") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),
    file_leads as (select * from {{ ref("stg_files__leads") }}),
    deals as (select * from {{ ref("int_deals__dated") }}),
    deal_changes as (select * from {{ ref("int_deal_changes__unioned") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- A contact names its campaign by name or id; the platform of the site goes before others. Where several bear the
    -- name, none of them is known to be meant.
    campaign_names as (
        select campaign_id, platform, lower(trim(platform_campaign_id)) as campaign_name, 0 as place
        from campaigns
        union all
        select campaign_id, platform, lower(trim(campaign_name)), 1
        from campaigns
        where lower(trim(campaign_name)) <> lower(trim(platform_campaign_id))
    ),

    named_campaigns as (
        select
            contacts.contact_id,
            campaign_names.campaign_id,
            rank() over (
                partition by contacts.contact_id
                order by
                    campaign_names.place asc nulls last,
                    case
                        when contacts.paid_site in ('facebook', 'instagram') and campaign_names.platform = 'meta_ads'
                        then 0
                        when replace(lower(campaign_names.platform), '_ads', '') = contacts.paid_site
                        then 0
                        else 1
                    end asc nulls last
            ) as place
        from contacts
        inner join campaign_names on campaign_names.campaign_name = lower(contacts.paid_campaign)
    ),

    contact_campaigns as (
        select contact_id, min(campaign_id) as campaign_id
        from named_campaigns
        where place = 1
        group by contact_id
        having count(*) = 1
    ),

    -- What a contact was merged into tells the stages of both.
    stage_history as (
        select contact_history.*
        from contact_history
        left join merges on merges.record_type = 'contact' and merges.merged_id = contact_history.contact_id
        where contact_history.property_name = 'lifecyclestage' and merges.merged_id is null
    ),

    latest_stages as (
        select stage_history.contact_id, stage_history.changed_at, stage_history.property_value as crm_stage
        from stage_history
        inner join contacts on contacts.contact_id = stage_history.contact_id
        qualify
            row_number() over (
                partition by stage_history.contact_id
                order by
                    stage_history.changed_at desc nulls last,
                    case
                        when stage_history.property_value = coalesce(contacts.crm_stage, '') then 0 else 1
                    end asc nulls last,
                    stage_history.property_value desc nulls last
            )
            = 1
    ),

    -- The contact itself decides where it is now. Where its history ends elsewhere, it came there after that.
    stage_changes as (
        select contact_id, property_value as crm_stage, changed_by_source, changed_at, loaded_at
        from stage_history
        union all
        select
            contacts.contact_id,
            coalesce(contacts.crm_stage, ''),
            null,
            greatest(
                contacts.crm_stage_seen_at,
                coalesce(latest_stages.changed_at + interval 1 second, contacts.crm_stage_seen_at)
            ),
            contacts.crm_stage_loaded_at
        from contacts
        left join latest_stages on latest_stages.contact_id = contacts.contact_id
        left join merges on merges.record_type = 'contact' and merges.merged_id = contacts.contact_id
        where
            not contacts.is_archived
            and merges.merged_id is null
            and coalesce(contacts.crm_stage, '') <> coalesce(latest_stages.crm_stage, '')
    ),

    -- A change of an e-mail preference says what was before: who never left cannot come back.
    email_preferences as (
        select
            contact_id,
            property_value = 'true' as is_opted_out,
            lag(property_value) over (
                partition by contact_id order by changed_at asc nulls last, property_value asc nulls last
            )
            = 'true' as was_opted_out,
            changed_at,
            loaded_at
        from contact_history
        where property_name = 'hs_email_optout'
    ),

    deal_moves as (
        select
            deals.source_system,
            deals.source_record_id,
            deals.record_key,
            deals.account_id,
            deals.deal_amount,
            deals.currency,
            deal_changes.stage_id,
            deal_changes.meaning,
            deal_changes.lost_reason,
            deal_changes.changed_at,
            deal_changes.loaded_at
        from deal_changes
        inner join deals on deals.deal_id = deal_changes.deal_id
    ),

    unioned as (
        select
            case when contacts.is_from_form then 'form_submitted' else 'lead_created' end as activity,
            'hubspot' as source_system,
            contacts.contact_id as source_record_id,
            {{ record_key("'hubspot'", "'contact'", "contacts.contact_id") }} as record_key,
            contacts.created_at as occurred_at,
            case when contacts.is_from_form then 'form' else 'crm' end as channel,
            contact_campaigns.campaign_id,
            cast(null as {{ dbt.type_string() }}) as ad_id,
            cast(null as decimal(18, 4)) as amount,
            cast(null as {{ dbt.type_string() }}) as currency,
            cast(null as {{ dbt.type_string() }}) as attributes,
            cast(null as {{ dbt.type_string() }}) as account_id,
            contacts.loaded_at
        from contacts
        left join contact_campaigns on contact_campaigns.contact_id = contacts.contact_id
        union all
        select
            'crm_stage_changed',
            'hubspot',
            contact_id,
            {{ record_key("'hubspot'", "'contact'", "contact_id") }},
            changed_at,
            'crm',
            null,
            null,
            null,
            null,
            {{ json_attributes({"stage": "crm_stage", "changed_by": "changed_by_source"}) }},
            null,
            loaded_at
        from stage_changes
        union all
        select
            vocabulary.meaning,
            'hubspot',
            contact_history.contact_id,
            {{ record_key("'hubspot'", "'contact'", "contact_history.contact_id") }},
            contact_history.changed_at,
            'crm',
            null,
            null,
            null,
            null,
            {{ json_attributes({"reason": "vocabulary.reason"}) }},
            null,
            contact_history.loaded_at
        from contact_history
        inner join
            vocabulary
            on vocabulary.source_system = 'hubspot'
            and vocabulary.kind = 'lead_status'
            and vocabulary.value = contact_history.property_value
        where contact_history.property_name = 'hs_lead_status'
        union all
        select
            case when is_opted_out then 'opted_out' else 'opted_in' end,
            'hubspot',
            contact_id,
            {{ record_key("'hubspot'", "'contact'", "contact_id") }},
            changed_at,
            'email',
            null,
            null,
            null,
            null,
            null,
            null,
            loaded_at
        from email_preferences
        where is_opted_out <> coalesce(was_opted_out, false)
        union all
        select
            'deal_stage_changed',
            source_system,
            source_record_id,
            record_key,
            changed_at,
            'crm',
            null,
            null,
            deal_amount,
            currency,
            {{ json_attributes({"stage": "stage_id", "meaning": "meaning", "reason": "lost_reason"}) }},
            account_id,
            loaded_at
        from deal_moves
        union all
        -- A stage may stand for something that happened: a meeting, a qualification, a quote.
        select
            meaning,
            source_system,
            source_record_id,
            record_key,
            changed_at,
            'crm',
            null,
            null,
            deal_amount,
            currency,
            null,
            account_id,
            loaded_at
        from deal_moves
        where meaning in ({{ quoted_list(activity_vocabulary()) }})
        union all
        select
            'lead_created',
            'files',
            lead_id,
            {{ record_key("'files'", "'lead'", "lead_id") }},
            created_at,
            coalesce(channel, 'crm'),
            campaign_id,
            null,
            null,
            null,
            null,
            null,
            loaded_at
        from file_leads
        union all
        select
            'lead_qualified',
            'files',
            lead_id,
            {{ record_key("'files'", "'lead'", "lead_id") }},
            qualified_at,
            coalesce(channel, 'crm'),
            null,
            null,
            null,
            null,
            null,
            null,
            loaded_at
        from file_leads
        where qualified_at is not null
        union all
        select
            'lead_disqualified',
            'files',
            lead_id,
            {{ record_key("'files'", "'lead'", "lead_id") }},
            disqualified_at,
            coalesce(channel, 'crm'),
            null,
            null,
            null,
            null,
            {{ json_attributes({"reason": "coalesce(disqualified_reason, 'unqualified')"}) }},
            null,
            loaded_at
        from file_leads
        where disqualified_at is not null
    )

select *
from unioned
