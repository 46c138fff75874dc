with
    contacts as (select * from {{ ref("stg_hubspot__contacts") }}),
    contact_history as (select * from {{ ref("stg_hubspot__contact_property_history") }}),
    vocabulary as (select * from {{ ref("vendor_vocabulary") }}),

    contacts_of_merges as ({{ split_rows("contacts", ["contact_id"], "merged_contact_ids", ";") }}),
    merged_contacts as (select distinct part as contact_id from contacts_of_merges where part <> contact_id),

    -- The contact that another one was merged into states the stages of both.
    stage_history as (
        select *
        from contact_history
        where property_name = 'lifecyclestage' and contact_id not in (select contact_id from merged_contacts)
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

    -- The contact itself decides where it is now. If its history ends elsewhere, it came there after that.
    stage_changes as (
        select contact_id, property_value as crm_stage, changed_by_source, changed_at, loaded_at
        from stage_history
        union all
        select
            contacts.contact_id,
            coalesce(contacts.crm_stage, '') as crm_stage,
            null as changed_by_source,
            greatest(
                contacts.crm_stage_seen_at,
                coalesce(latest_stages.changed_at + interval 1 second, contacts.crm_stage_seen_at)
            ) as changed_at,
            contacts.crm_stage_loaded_at as loaded_at
        from contacts
        left join latest_stages on latest_stages.contact_id = contacts.contact_id
        where
            not contacts.is_archived
            and contacts.contact_id not in (select contact_id from merged_contacts)
            and coalesce(contacts.crm_stage, '') <> coalesce(latest_stages.crm_stage, '')
    ),

    -- A change of an e-mail preference shows what was before it: someone who never opted out cannot opt in again.
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

    -- A contact's source names a campaign by its name or its id, and the site that it was shown on.
    created as (
        select
            case when is_from_form then 'form_submitted' else 'lead_created' end as activity,
            contact_id,
            created_at as occurred_at,
            case when is_from_form then 'form' else 'crm' end as channel,
            paid_campaign as campaign_name,
            paid_site as campaign_site,
            {{ click_ids({"fbclid": "fbclid", "gclid": "gclid"}) }} as click_ids,
            loaded_at
        from contacts
    ),

    changed as (
        select
            'crm_stage_changed' as activity,
            contact_id,
            changed_at as occurred_at,
            'crm' as channel,
            {{ json_attributes({"stage": "crm_stage", "changed_by": "changed_by_source"}) }} as attributes,
            loaded_at
        from stage_changes
        union all
        select
            vocabulary.meaning as activity,
            contact_history.contact_id,
            contact_history.changed_at as occurred_at,
            'crm' as channel,
            {{ json_attributes({"reason": "vocabulary.reason"}) }} as attributes,
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
            case when is_opted_out then 'opted_out' else 'opted_in' end as activity,
            contact_id,
            changed_at as occurred_at,
            'email' as channel,
            null as attributes,
            loaded_at
        from email_preferences
        where is_opted_out <> coalesce(was_opted_out, false)
    ),

    unioned as (
        select
            activity,
            contact_id,
            occurred_at,
            channel,
            campaign_name,
            campaign_site,
            click_ids,
            null as attributes,
            loaded_at
        from created
        union all
        select
            activity,
            contact_id,
            occurred_at,
            channel,
            null as campaign_name,
            null as campaign_site,
            null as click_ids,
            attributes,
            loaded_at
        from changed
    ),

    final as (
        select
            activity,
            contact_id as source_record_id,
            contact_id as customer_id,
            'contact' as customer_record_type,
            occurred_at,
            channel,
            campaign_name,
            campaign_site,
            click_ids,
            attributes,
            loaded_at
        from unioned
    )

select *
from final
