with
    source as (
        select
            *,
            min(_dlt_load_id) over (partition by source_account, id) as first_load_id,
            min(hs_lastmodifieddate) over (partition by source_account, id, dealstage) as stage_seen_at,
            min(_dlt_load_id) over (partition by source_account, id, dealstage) as stage_load_id
        from {{ source("raw_hubspot", "deals") }}
    ),

    latest_versions as (
        select *
        from source
        qualify
            row_number() over (
                partition by source_account, id
                order by hs_lastmodifieddate desc nulls last, _dlt_valid_from desc nulls last, _dlt_id desc nulls last
            )
            = 1
    ),

    renamed as (
        select
            nullif(source_account, '') as source_account,
            {{ own_id("id") }} as deal_id,
            dealname as deal_name,
            pipeline as pipeline_id,
            dealstage as stage_id,
            {{ money("amount") }} as deal_amount,
            upper(coalesce(nullif(deal_currency_code, ''), portal_currency)) as currency,
            closed_lost_reason as lost_reason,
            hs_is_closed as is_closed,
            hs_is_closed_won as is_won,
            {{ own_id("hubspot_owner_id") }} as owner_id,
            {{ own_ids("hs_merged_object_ids", ";") }} as merged_deal_ids,
            archived as is_archived,
            {{ utc_timestamp("stage_seen_at") }} as stage_seen_at,
            {{ load_instant("stage_load_id") }} as stage_loaded_at,
            {{ utc_timestamp("createdate") }} as created_at,
            {{ utc_timestamp("closedate") }} as closed_at,
            {{ load_instant("first_load_id") }} as loaded_at
        from latest_versions
    )

select *
from renamed
