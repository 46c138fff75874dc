with
    person_records as (select * from {{ ref("bridge_person_records") }}),
    records as (select * from {{ ref("int_contact_records__unioned") }}),
    identifiers as (select * from {{ ref("int_identifiers__normalized") }}),
    activities as (select * from {{ ref("fct_activities") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),
    orders as (select * from {{ ref("fct_orders") }}),

    -- The record that was created first speaks for the person; one without a date last.
    ordered as (
        select
            person_records.person_id,
            person_records.loaded_at as first_loaded_at,
            records.*,
            coalesce(records.created_at::string, 'undated') || ' ' || records.record_key as record_order
        from person_records
        inner join records on records.record_key = person_records.record_key
    ),

    merged as (
        select
            person_id,
            count(*) as record_count,
            min(created_at) as created_at,
            min(first_loaded_at) as loaded_at,
            {% for column in ["first_name", "last_name", "country", "stated_channel", "stated_campaign_id"] %}
                min_by({{ column }}, record_order) filter (where {{ column }} is not null) as {{ column }}
                {{- "," if not loop.last }}
            {% endfor %}
        from ordered
        group by person_id
    ),

    systems as (
        select person_id, {{ sorted_list("source_system") }} as source_systems
        from
            (
                select distinct person_id, source_system || coalesce('.' || source_account, '') as source_system
                from person_records
            ) as distinct_systems
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

    -- The first thing a person did; if several share the instant, one that names its campaign comes first.
    first_touches as (
        select
            person_id,
            occurred_at,
            activity,
            channel,
            campaign_id,
            ad_id,
            case
                when activity in ('ad_clicked', 'order_placed', 'order_paid')
                then source_system || ':' || source_record_id
            end as order_id
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
            -- The origin that a list of customers states takes precedence over the one that was observed.
            coalesce(merged.stated_channel, first_touches.channel) as first_touch_channel,
            campaigns.platform as first_touch_platform,
            coalesce(merged.stated_campaign_id, first_touches.campaign_id) as first_touch_campaign_id,
            case when merged.stated_campaign_id is null then first_touches.ad_id end as first_touch_ad_id,
            case when merged.stated_channel is null then orders.visit_source end as first_touch_source,
            case when merged.stated_channel is null then orders.visit_medium end as first_touch_medium,
            merged.created_at,
            merged.loaded_at
        from merged
        left join systems on systems.person_id = merged.person_id
        left join known_as on known_as.person_id = merged.person_id
        left join first_touches on first_touches.person_id = merged.person_id
        left join orders on orders.order_id = first_touches.order_id
        left join campaigns on campaigns.campaign_id = coalesce(merged.stated_campaign_id, first_touches.campaign_id)
    )

select *
from final
