with
    leads as (select * from {{ ref("stg_files__leads") }}),

    unioned as (
        select
            'lead_created' as activity,
            lead_id,
            created_at as occurred_at,
            channel,
            campaign_id,
            null as attributes,
            loaded_at
        from leads
        union all
        select
            'lead_qualified' as activity,
            lead_id,
            qualified_at as occurred_at,
            channel,
            null as campaign_id,
            null as attributes,
            loaded_at
        from leads
        where qualified_at is not null
        union all
        select
            'lead_disqualified' as activity,
            lead_id,
            disqualified_at as occurred_at,
            channel,
            null as campaign_id,
            {{ json_attributes({"reason": "coalesce(disqualified_reason, 'unqualified')"}) }} as attributes,
            loaded_at
        from leads
        where disqualified_at is not null
    ),

    final as (
        select
            activity,
            lead_id as source_record_id,
            lead_id as customer_id,
            'lead' as customer_record_type,
            occurred_at,
            coalesce(channel, 'crm') as channel,
            campaign_id,
            attributes,
            loaded_at
        from unioned
    )

select *
from final
