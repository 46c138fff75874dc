with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    contact_history as (select * from {{ ref("stg_hubspot__contact_property_history") }}),
    file_leads as (select * from {{ ref("stg_files__leads") }}),
    deals as (select * from {{ ref("int_deals__unioned") }}),
    deal_changes as (select * from {{ ref("int_deal_changes__unioned") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

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
            cast(null as {{ dbt.type_string() }}) as account_id,
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
            null,
            loaded_at
        from contact_history
        where property_name = 'lifecyclestage'
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
