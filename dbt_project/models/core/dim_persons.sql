with
    person_records as (select * from {{ ref("bridge_person_records") }}),
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    identifiers as (select * from {{ ref("int_identifiers__normalized") }}),
    activities as (select * from {{ ref("fct_activities") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),

    merged as (
        select
            person_records.person_id,
            count(*) as record_count,
            min(records.created_at) as created_at,
            min(person_records.loaded_at) as loaded_at,
            min_by(records.first_name, records.created_at) filter (where records.first_name is not null) as first_name,
            min_by(records.last_name, records.created_at) filter (where records.last_name is not null) as last_name,
            min_by(records.country, records.created_at) filter (where records.country is not null) as country
        from person_records
        inner join records on records.record_key = person_records.record_key
        group by person_records.person_id
    ),

    systems as (
        select person_id, {{ sorted_list("source_system") }} as source_systems
        from (select distinct person_id, source_system from person_records) as distinct_systems
        group by person_id
    ),

    known_as as (
        select
            person_records.person_id,
            min(identifiers.identifier) filter (where identifiers.namespace = 'email') as email,
            min(identifiers.identifier) filter (where identifiers.namespace = 'phone') as phone,
            min(identifiers.identifier) filter (where identifiers.namespace = 'customer_number') as customer_number
        from person_records
        inner join identifiers on identifiers.record_key = person_records.record_key
        group by person_records.person_id
    ),

    -- The first thing a person did; where several share the instant, one that names its campaign goes first.
    first_touches as (
        select person_id, occurred_at, activity, channel, campaign_id, ad_id
        from activities
        where person_id is not null
        qualify
            row_number() over (
                partition by person_id
                order by occurred_at asc nulls last, campaign_id asc nulls last, activity_id asc nulls last
            )
            = 1
    ),

    final as (
        select
            merged.person_id,
            merged.first_name,
            merged.last_name,
            known_as.email,
            known_as.phone,
            known_as.customer_number,
            merged.country,
            merged.record_count,
            systems.source_systems,
            first_touches.occurred_at as first_touched_at,
            first_touches.activity as first_touch_activity,
            first_touches.channel as first_touch_channel,
            campaigns.platform as first_touch_platform,
            first_touches.campaign_id as first_touch_campaign_id,
            first_touches.ad_id as first_touch_ad_id,
            merged.created_at,
            merged.loaded_at
        from merged
        left join systems on systems.person_id = merged.person_id
        left join known_as on known_as.person_id = merged.person_id
        left join first_touches on first_touches.person_id = merged.person_id
        left join campaigns on campaigns.campaign_id = first_touches.campaign_id
    )

select *
from final
