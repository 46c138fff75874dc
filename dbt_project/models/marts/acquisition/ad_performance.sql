{%- set kinds = {
    "first_order": "first_order",
    "repeat_order": "repeat_order",
    "subscription": "subscription_started",
    "won_deal": "deal_won",
} -%}
with
    ad_spend as (select * from {{ ref("fct_ad_spend") }}),
    persons as (select * from {{ ref("dim_persons") }}),
    customers as (select * from {{ ref("dim_customers") }}),
    credits as (select * from {{ ref("attribution_credits") }} where attribution_model = 'last'),
    clicks as (select * from {{ ref("fct_activities") }} where activity = 'ad_clicked'),
    orders as (select * from {{ ref("fct_orders") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),
    ads as (select * from {{ ref("dim_ads") }}),

    visits as (
        select clicks.activity_id as touch_id, orders.visit_source, orders.visit_medium
        from clicks
        inner join orders on orders.order_id = clicks.source_system || ':' || clicks.source_record_id
    ),

    -- Spend, people and credit are facts of their own: they meet in a month and an ad, not in a row.
    facts as (
        select
            'spend' as fact,
            spent_on as happened_on,
            campaign_id,
            ad_id,
            'ad' as channel,
            null as source,
            null as medium,
            spend_amount_reporting as amount,
            impressions,
            clicks,
            claimed_conversion_count,
            false as is_customer
        from ad_spend
        union all
        select
            'person' as fact,
            {{ local_date("coalesce(persons.first_touched_at, persons.created_at)") }} as happened_on,
            coalesce(persons.first_touch_campaign_id, 'none') as campaign_id,
            persons.first_touch_ad_id as ad_id,
            {{ channel_or_unknown("persons.first_touch_channel") }} as channel,
            persons.first_touch_source as source,
            persons.first_touch_medium as medium,
            null as amount,
            null as impressions,
            null as clicks,
            null as claimed_conversion_count,
            customers.person_id is not null as is_customer
        from persons
        left join customers on customers.person_id = persons.person_id
        union all
        select
            credits.conversion_kind as fact,
            credits.converted_on as happened_on,
            credits.campaign_id,
            credits.ad_id,
            credits.channel,
            visits.visit_source as source,
            visits.visit_medium as medium,
            credits.value_amount_reporting as amount,
            null as impressions,
            null as clicks,
            null as claimed_conversion_count,
            false as is_customer
        from credits
        left join visits on visits.touch_id = credits.touch_id
        where credits.conversion_kind in ({{ quoted_list(kinds.values()) }})
    ),

    -- A touch that names its ad counts for the ad, however it came; any other by what is known of it.
    keyed as (
        select
            cast({{ dbt.date_trunc("month", "happened_on") }} as date) as month,
            campaign_id,
            coalesce(ad_id, 'none') as ad_id,
            case when ad_id is null then channel else 'ad' end as touch_channel,
            case when ad_id is null then coalesce(source, 'none') else 'none' end as touch_source,
            case when ad_id is null then coalesce(medium, 'none') else 'none' end as touch_medium,
            fact,
            amount,
            impressions,
            clicks,
            claimed_conversion_count,
            is_customer
        from facts
    ),

    summed as (
        select
            month,
            campaign_id,
            ad_id,
            touch_channel,
            touch_source,
            touch_medium,
            sum(case when fact = 'spend' then amount end) as spend_amount,
            count(case when fact = 'spend' and amount is null then 1 end) as unconverted_spend_count,
            sum(impressions) as impressions,
            sum(clicks) as clicks,
            sum(claimed_conversion_count) as claimed_conversion_count,
            count(case when fact = 'person' then 1 end) as person_count,
            count(case when is_customer then 1 end) as customer_count,
            {%- for name, kind in kinds.items() %}
                count(case when fact = '{{ kind }}' then 1 end) as {{ name }}_count,
            {%- endfor %}
            sum(
                case when fact in ('first_order', 'repeat_order', 'subscription_started') then amount end
            ) as revenue_amount,
            count(
                case when fact in ('first_order', 'repeat_order', 'subscription_started') and amount is null then 1 end
            ) as unconverted_revenue_count,
            sum(case when fact = 'deal_won' then amount end) as won_deal_amount,
            count(case when fact = 'deal_won' and amount is null then 1 end) as unconverted_deal_count
        from keyed
        group by month, campaign_id, ad_id, touch_channel, touch_source, touch_medium
    ),

    -- A sum that leaves out what has no exchange rate would look like a cheap ad, or a poor one.
    amounts as (
        select
            *,
            case when unconverted_spend_count = 0 then coalesce(spend_amount, 0) end as known_spend_amount,
            case when unconverted_revenue_count = 0 then coalesce(revenue_amount, 0) end as known_revenue_amount,
            case when unconverted_deal_count = 0 then coalesce(won_deal_amount, 0) end as known_won_deal_amount
        from summed
    ),

    final as (
        select
            amounts.month,
            coalesce(campaigns.platform, 'none') as platform,
            amounts.campaign_id,
            campaigns.campaign_name,
            coalesce(ads.ad_set_id, 'none') as ad_set_id,
            ads.ad_set_name,
            amounts.ad_id,
            ads.ad_name,
            ads.ad_status,
            amounts.touch_channel,
            amounts.touch_source,
            amounts.touch_medium,
            {{ reporting_currency() }} as reporting_currency,
            {{ money("amounts.known_spend_amount") }} as spend_amount_reporting,
            amounts.unconverted_spend_count::bigint as unconverted_spend_count,
            coalesce(amounts.impressions, 0)::bigint as impressions,
            coalesce(amounts.clicks, 0)::bigint as clicks,
            {{ money("amounts.claimed_conversion_count") }} as claimed_conversion_count,
            amounts.person_count::bigint as person_count,
            amounts.customer_count::bigint as customer_count,
            {%- for name, kind in kinds.items() %}
                {% if kind in var("attribution")["conversions"] %} amounts.{{ name }}_count::bigint
                {%- else %} null::bigint
                {%- endif %} as credited_{{ name }}_count,
            {%- endfor %}
            {{ money("amounts.known_revenue_amount") }} as credited_revenue_amount_reporting,
            {{ money("amounts.known_won_deal_amount") }} as credited_won_deal_amount_reporting,
            nullif(amounts.known_spend_amount::double, 0)
            / nullif(amounts.person_count, 0) as cost_per_person_reporting,
            amounts.known_revenue_amount::double
            / nullif(amounts.known_spend_amount::double, 0) as credited_revenue_to_spend_ratio
        from amounts
        left join campaigns on campaigns.campaign_id = amounts.campaign_id
        left join ads on ads.ad_id = amounts.ad_id
    )

select *
from final
