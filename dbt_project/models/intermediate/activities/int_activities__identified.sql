{%- set sources = ["systems", "orders", "conversations", "surveys_and_subscriptions"] -%}
with
    {% for source in sources %}
        from_{{ source }} as (select * from {{ ref("int_activities__from_" ~ source) }}),
    {% endfor %}
    person_records as (select * from {{ ref("int_persons__resolved") }}),
    main_accounts as (select * from {{ ref("int_main_accounts__chosen") }}),
    exchange_rates as (select * from {{ ref("int_exchange_rates__daily") }}),
    campaigns as (select * from {{ ref("int_campaigns__identified") }}),

    unioned as (
        {% for source in sources %}
            select
                activity,
                source_system,
                source_record_id,
                record_key,
                occurred_at,
                channel,
                campaign_id,
                ad_id,
                amount,
                currency,
                attributes,
                {{ "null" if source == "surveys_and_subscriptions" else "click_ids" }} as click_ids,
                -- A deal's activity belongs to its company, any other activity to the person's main account.
                {{ "account_id" if source == "systems" else "null" }} as account_id,
                loaded_at
            from from_{{ source }} {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    -- A click's id that becomes known later makes no other activity.
    keyed as (
        select
            {{ surrogate_key(["source_system", "activity", "source_record_id", "occurred_at", "attributes"]) }}
            as activity_id,
            unioned.*
        from unioned
        where occurred_at is not null
    ),

    -- The same fact told twice by one system is one activity.
    deduplicated as (
        select *
        from keyed
        qualify
            row_number() over (
                partition by activity_id
                order by loaded_at asc nulls last, record_key asc nulls last, click_ids asc nulls last
            )
            = 1
    ),

    -- An id that several platforms use belongs to the activity's channel, if that is one of the platforms.
    told_apart as (
        select platform, platform_campaign_id, min(campaign_id) as campaign_id
        from campaigns
        where campaign_id <> platform_campaign_id
        group by platform, platform_campaign_id
        having count(*) = 1
    ),

    converted as (
        select
            deduplicated.activity_id,
            person_records.person_id,
            coalesce(deduplicated.account_id, main_accounts.account_id) as account_id,
            deduplicated.activity,
            deduplicated.occurred_at,
            deduplicated.loaded_at,
            deduplicated.source_system,
            deduplicated.source_record_id,
            deduplicated.channel,
            coalesce(told_apart.campaign_id, deduplicated.campaign_id) as campaign_id,
            deduplicated.ad_id,
            deduplicated.amount,
            deduplicated.currency,
            {{ converted("deduplicated.amount", "exchange_rates.rate_to_reporting::double") }} as amount_reporting,
            {{ with_click_ids("deduplicated.attributes", "deduplicated.click_ids") }} as attributes,
            deduplicated.click_ids
        from deduplicated
        left join person_records on person_records.record_key = deduplicated.record_key
        left join main_accounts on main_accounts.person_id = person_records.person_id
        left join
            exchange_rates
            on exchange_rates.currency = deduplicated.currency
            and exchange_rates.date_day = cast(deduplicated.occurred_at as date)
        left join
            told_apart
            on told_apart.platform_campaign_id = deduplicated.campaign_id
            and lower(told_apart.platform) = lower(deduplicated.channel)
        where deduplicated.occurred_at <= {{ as_of() }}
    ),

    final as (
        select
            *,
            {{
                row_fingerprint(
                    [
                        "activity_id",
                        "person_id",
                        "account_id",
                        "loaded_at",
                        "amount_reporting",
                        "channel",
                        "click_ids",
                    ]
                )
            }} as row_fingerprint
        from converted
    )

select *
from final
