with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    contact_history as (select * from {{ ref("stg_hubspot__contact_property_history") }}),
    deals as (select * from {{ ref("stg_hubspot__deals") }}),
    deal_history as (select * from {{ ref("stg_hubspot__deal_property_history") }}),
    deal_contacts as (select * from {{ ref("stg_hubspot__deal_contacts") }}),
    file_leads as (select * from {{ ref("stg_files__leads") }}),
    file_deals as (select * from {{ ref("stg_files__deals") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    -- One contact stands for the deal, so that one quote is one activity: who decides, where a role says so.
    main_deal_contacts as (
        select deal_contacts.deal_id, deal_contacts.contact_id
        from deal_contacts
        left join
            vocabulary
            on vocabulary.source_system = 'hubspot'
            and vocabulary.kind = 'deal_role'
            and vocabulary.value = deal_contacts.role
        qualify
            row_number() over (
                partition by deal_contacts.deal_id
                order by vocabulary.activity asc nulls last, deal_contacts.contact_id asc nulls last
            )
            = 1
    ),

    deal_changes as (
        select
            deal_history.deal_id,
            deal_history.property_value as stage_id,
            deal_history.changed_at,
            deal_history.loaded_at,
            {{ record_key("'hubspot'", "'contact'", "main_deal_contacts.contact_id") }} as record_key,
            deals.deal_amount,
            deals.currency,
            stage_meanings.activity as meaning,
            case when stage_meanings.activity = 'deal_lost' then coalesce(reason_meanings.reason, 'other') end as reason
        from deal_history
        left join deals on deals.deal_id = deal_history.deal_id
        left join main_deal_contacts on main_deal_contacts.deal_id = deal_history.deal_id
        left join
            vocabulary as stage_meanings
            on stage_meanings.source_system = 'hubspot'
            and stage_meanings.kind = 'deal_stage'
            and stage_meanings.value = deal_history.property_value
        left join
            vocabulary as reason_meanings
            on reason_meanings.source_system = 'hubspot'
            and reason_meanings.kind = 'lost_reason'
            and reason_meanings.value = deals.lost_reason
        where deal_history.property_name = 'dealstage' and deal_history.property_value <> ''
    ),

    unioned as (
        select
            case when is_from_form then 'form_submitted' else 'lead_created' end as activity,
            'hubspot' as source_system,
            contact_id as source_record_id,
            {{ record_key("'hubspot'", "'contact'", "contact_id") }} as record_key,
            created_at as occurred_at,
            case when is_from_form then 'form' else 'crm' end as channel,
            campaign_id,
            cast(null as {{ dbt.type_string() }}) as ad_id,
            cast(null as decimal(18, 4)) as amount,
            cast(null as {{ dbt.type_string() }}) as currency,
            cast(null as {{ dbt.type_string() }}) as attributes,
            loaded_at
        from contacts
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
            {{ json_attributes({"stage": "property_value", "changed_by": "changed_by_source"}) }},
            loaded_at
        from contact_history
        where property_name = 'lifecyclestage'
        union all
        select
            vocabulary.activity,
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
            'deal_stage_changed',
            'hubspot',
            deal_id,
            record_key,
            changed_at,
            'crm',
            null,
            null,
            deal_amount,
            currency,
            {{ json_attributes({"stage": "stage_id", "meaning": "meaning", "reason": "reason"}) }},
            loaded_at
        from deal_changes
        union all
        select
            'quote_sent',
            'hubspot',
            deal_id,
            record_key,
            changed_at,
            'crm',
            null,
            null,
            deal_amount,
            currency,
            null,
            loaded_at
        from deal_changes
        where meaning = 'quote_sent'
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
            loaded_at
        from file_leads
        where disqualified_at is not null
        union all
        select
            'deal_stage_changed',
            'files',
            deal_id,
            {{ record_key("'files'", "'customer'", "customer_id") }},
            closed_at,
            'crm',
            null,
            null,
            deal_amount,
            currency,
            {{
                json_attributes(
                    {
                        "stage": "stage_id",
                        "meaning": "case when is_won then 'deal_won' else 'deal_lost' end",
                        "reason": "lost_reason",
                    }
                )
            }},
            loaded_at
        from file_deals
        where closed_at is not null
    )

select *
from unioned
