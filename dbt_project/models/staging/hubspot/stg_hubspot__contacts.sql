with
    source as (
        select
            *,
            min(_dlt_load_id) over (partition by source_account, id) as first_load_id,
            min(lastmodifieddate) over (partition by source_account, id, lifecyclestage) as crm_stage_seen_at,
            min(_dlt_load_id) over (partition by source_account, id, lifecyclestage) as crm_stage_load_id
        from {{ source("raw_hubspot", "contacts") }}
    ),

    -- An archived contact may come back without its properties: the last full version holds them.
    latest_versions as (
        select *, bool_or(archived) over (partition by source_account, id) as is_archived
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by
                    lastmodifieddate desc nulls last,
                    archived desc nulls last,
                    _dlt_valid_from desc nulls last,
                    _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as contact_id,
            nullif(email, '') as email,
            hs_additional_emails as additional_emails,
            firstname as first_name,
            lastname as last_name,
            coalesce(phone, mobilephone) as phone,
            country,
            customer_number,
            lifecyclestage as crm_stage,
            {{ own_id("associatedcompanyid") }} as company_id,
            {{ own_id("hubspot_owner_id") }} as owner_id,
            {{ own_ids("hs_merged_object_ids", ";") }} as merged_contact_ids,
            hs_analytics_source as first_source,
            -- What the drill-downs hold depends on the source: of the paid ones, these name the campaign.
            nullif(
                trim(
                    case
                        hs_analytics_source
                        when 'PAID_SOCIAL'
                        then hs_analytics_source_data_2
                        when 'PAID_SEARCH'
                        then hs_analytics_source_data_1
                    end
                ),
                ''
            ) as paid_campaign,
            case when hs_analytics_source = 'PAID_SOCIAL' then lower(trim(hs_analytics_source_data_1)) end as paid_site,
            nullif(trim(hs_facebook_click_id), '') as fbclid,
            nullif(trim(hs_google_click_id), '') as gclid,
            coalesce(hs_object_source = 'FORM', false) as is_from_form,
            is_archived,
            {{ utc_timestamp("crm_stage_seen_at") }} as crm_stage_seen_at,
            {{ load_instant("crm_stage_load_id") }} as crm_stage_loaded_at,
            {{ utc_timestamp("createdate") }} as created_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
