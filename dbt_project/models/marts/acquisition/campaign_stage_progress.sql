with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }} where stage_kind = 'active'),
    stages as (select * from {{ ref("dim_lifecycle_stages") }} where stage_kind = 'active'),
    persons as (select * from {{ ref("dim_persons") }}),
    accounts as (select * from {{ ref("dim_accounts") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),

    -- For an account, the campaign of its first person.
    entity_campaigns as (
        select 'person' as entity_type, person_id as entity_id, first_touch_campaign_id as campaign_id
        from persons
        union all
        select
            'account' as entity_type, accounts.account_id as entity_id, persons.first_touch_campaign_id as campaign_id
        from accounts
        inner join persons on persons.person_id = accounts.first_person_id
    ),

    person_values as (
        select
            'person' as entity_type,
            person_id as entity_id,
            case
                when count(*) = count(amount_reporting) then {{ money("sum(amount_reporting)") }}
            end as value_amount_reporting
        from revenue_entries
        where person_id is not null
        group by person_id
    ),

    -- However often somebody comes back to a stage, they entered it once.
    entries as (
        select lifecycle_model, entity_type, entity_id, stage, stage_order, min(entered_at) as entered_at
        from episodes
        group by lifecycle_model, entity_type, entity_id, stage, stage_order
    ),

    advances as (
        select distinct entries.lifecycle_model, entries.entity_type, entries.entity_id, entries.stage
        from entries
        inner join
            entries as further
            on further.lifecycle_model = entries.lifecycle_model
            and further.entity_type = entries.entity_type
            and further.entity_id = entries.entity_id
            and further.stage_order > entries.stage_order
            and further.entered_at >= entries.entered_at
            and further.entered_at <= entries.entered_at + interval '{{ var("funnel_window_days") }}' day
    ),

    counted as (
        select
            coalesce(entity_campaigns.campaign_id, 'none') as campaign_id,
            cast({{ dbt.date_trunc("month", local_date("entries.entered_at")) }} as date) as entry_month,
            entries.lifecycle_model,
            entries.stage,
            count(*) as entered_count,
            count(advances.entity_id) as advanced_count,
            max(entries.entered_at) as last_entered_at,
            case
                when count(case when entries.entity_type = 'account' then 1 end) > 0
                then null
                when count(person_values.entity_id) = count(person_values.value_amount_reporting)
                then coalesce(sum(person_values.value_amount_reporting), 0)
            end as value_amount_reporting
        from entries
        left join
            entity_campaigns
            on entity_campaigns.entity_type = entries.entity_type
            and entity_campaigns.entity_id = entries.entity_id
        left join
            advances
            on advances.lifecycle_model = entries.lifecycle_model
            and advances.entity_type = entries.entity_type
            and advances.entity_id = entries.entity_id
            and advances.stage = entries.stage
        left join
            person_values
            on person_values.entity_type = entries.entity_type
            and person_values.entity_id = entries.entity_id
        group by
            coalesce(entity_campaigns.campaign_id, 'none'),
            cast({{ dbt.date_trunc("month", local_date("entries.entered_at")) }} as date),
            entries.lifecycle_model,
            entries.stage
    ),

    spend as (
        select
            campaign_id,
            cast({{ dbt.date_trunc("month", "spent_on") }} as date) as entry_month,
            sum(spend_amount_reporting) as spend_amount_reporting,
            count(case when spend_amount_reporting is null then 1 end) as unconverted_spend_count
        from ad_spend
        group by campaign_id, cast({{ dbt.date_trunc("month", "spent_on") }} as date)
    ),

    -- Each stage that anybody entered has all of the spend: filter by one.
    entered_stages as (select distinct lifecycle_model, stage from counted),

    spend_of_stages as (
        select spend.*, entered_stages.lifecycle_model, entered_stages.stage from spend cross join entered_stages
    ),

    joined as (
        select
            coalesce(counted.campaign_id, spend_of_stages.campaign_id) as campaign_id,
            coalesce(counted.entry_month, spend_of_stages.entry_month) as entry_month,
            coalesce(counted.lifecycle_model, spend_of_stages.lifecycle_model) as lifecycle_model,
            coalesce(counted.stage, spend_of_stages.stage) as stage,
            coalesce(counted.entered_count, 0)::bigint as entered_count,
            coalesce(counted.advanced_count, 0)::bigint as advanced_count,
            coalesce(
                counted.last_entered_at + interval '{{ var("funnel_window_days") }}' day <= {{ as_of() }}, true
            ) as is_mature,
            case
                when counted.campaign_id is null
                then {{ money("0") }}
                else {{ money("counted.value_amount_reporting") }}
            end as value_amount_reporting,
            case
                when coalesce(spend_of_stages.unconverted_spend_count, 0) = 0
                then {{ money("coalesce(spend_of_stages.spend_amount_reporting, 0)") }}
            end as spend_amount_reporting,
            coalesce(spend_of_stages.unconverted_spend_count, 0)::bigint as unconverted_spend_count
        from counted
        full outer join
            spend_of_stages
            on spend_of_stages.campaign_id = counted.campaign_id
            and spend_of_stages.entry_month = counted.entry_month
            and spend_of_stages.lifecycle_model = counted.lifecycle_model
            and spend_of_stages.stage = counted.stage
    ),

    final as (
        select
            joined.campaign_id,
            joined.entry_month,
            joined.lifecycle_model,
            joined.stage,
            {{ stage_words("stages") }},
            coalesce(campaigns.platform, 'none') as platform,
            campaigns.campaign_name,
            {{ reporting_currency() }} as reporting_currency,
            joined.entered_count,
            joined.advanced_count,
            joined.is_mature,
            joined.advanced_count::double / nullif(joined.entered_count, 0) as advanced_rate,
            {{ wilson_interval("joined.advanced_count", "joined.entered_count", "advanced_rate") }},
            joined.spend_amount_reporting,
            joined.unconverted_spend_count,
            nullif(joined.spend_amount_reporting::double, 0)
            / nullif(joined.entered_count, 0) as spend_per_entry_reporting,
            joined.value_amount_reporting
        from joined
        inner join stages on stages.lifecycle_model = joined.lifecycle_model and stages.stage = joined.stage
        left join campaigns on campaigns.campaign_id = joined.campaign_id
    )

select *
from final
