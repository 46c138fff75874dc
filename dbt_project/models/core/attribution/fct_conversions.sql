{%- set windows = var("attribution")["conversions"] -%}
{%- do refuse_unknown_conversions(windows) %}

with
    orders as (select * from {{ ref("fct_orders") }} where paid_at <= {{ as_of() }}),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }}),
    subscriptions as (select * from {{ ref("fct_subscriptions") }} where started_at <= {{ as_of() }}),
    deals as (select * from {{ ref("fct_deals") }} where is_won and closed_at <= {{ as_of() }}),
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),

    -- Net of what was paid back by now. One entry without an exchange rate leaves the whole unknown.
    order_values as (
        select
            order_id,
            case
                when count(*) = count(amount_reporting) then {{ money("sum(amount_reporting)") }}
            end as value_amount_reporting,
            case
                when count(*) = count(gross_margin_amount_reporting)
                then {{ money("sum(gross_margin_amount_reporting)") }}
            end as gross_margin_amount_reporting
        from revenue_entries
        where order_id is not null
        group by order_id
    ),

    subscription_values as (
        select
            subscription_id,
            case
                when count(*) = count(amount_reporting) then {{ money("sum(amount_reporting)") }}
            end as value_amount_reporting,
            case
                when count(*) = count(gross_margin_amount_reporting)
                then {{ money("sum(gross_margin_amount_reporting)") }}
            end as gross_margin_amount_reporting
        from revenue_entries
        where subscription_id is not null
        group by subscription_id
    ),

    numbered_orders as (
        select
            *,
            row_number() over (
                partition by coalesce(person_id, order_id) order by paid_at asc nulls last, order_id asc nulls last
            ) as order_number
        from orders
    ),

    -- First and repeated orders are one series: a touch that led to the first order does not lead to the second.
    unioned as (
        select
            case when order_number = 1 then 'first_order' else 'repeat_order' end as conversion_kind,
            'order' as series,
            numbered_orders.order_id as source_id,
            'person' as entity_type,
            numbered_orders.person_id as entity_id,
            numbered_orders.paid_at as converted_at,
            order_values.value_amount_reporting,
            order_values.gross_margin_amount_reporting
        from numbered_orders
        left join order_values on order_values.order_id = numbered_orders.order_id
        union all
        select
            'subscription_started' as conversion_kind,
            'subscription_started' as series,
            subscriptions.subscription_id as source_id,
            'person' as entity_type,
            subscriptions.person_id as entity_id,
            subscriptions.started_at as converted_at,
            -- Before its first payment it has brought in nothing, which is known.
            case
                when subscription_values.subscription_id is null
                then {{ money("0") }}
                else subscription_values.value_amount_reporting
            end as value_amount_reporting,
            case
                when subscription_values.subscription_id is null
                then {{ money("0") }}
                else subscription_values.gross_margin_amount_reporting
            end as gross_margin_amount_reporting
        from subscriptions
        left join subscription_values on subscription_values.subscription_id = subscriptions.subscription_id
        union all
        -- What a deal is worth is what it says; its cost is not known.
        select
            'deal_won' as conversion_kind,
            'deal_won' as series,
            deal_id as source_id,
            case when person_id is null then 'account' else 'person' end as entity_type,
            coalesce(person_id, account_id) as entity_id,
            closed_at as converted_at,
            deal_amount_reporting as value_amount_reporting,
            null as gross_margin_amount_reporting
        from deals
        union all
        select
            'stage:' || lifecycle_model || '.' || stage as conversion_kind,
            'stage:' || lifecycle_model || '.' || stage as series,
            episode_id as source_id,
            entity_type,
            entity_id,
            entered_at as converted_at,
            null as value_amount_reporting,
            null as gross_margin_amount_reporting
        from episodes
    ),

    counted as (select * from unioned where conversion_kind in ({{ quoted_list(windows) }})),

    keyed as (
        select
            {{ surrogate_key(["series", "source_id"]) }} as conversion_id,
            counted.*,
            lag(converted_at) over (
                partition by series, coalesce(entity_id, source_id)
                order by converted_at asc nulls last, source_id asc nulls last
            ) as previous_converted_at,
            case
                conversion_kind
                {%- for kind, days in windows.items() %}
                    when {{ quoted(kind) }} then {{ dbt.dateadd("day", -days, "converted_at") }}
                {%- endfor %}
            end as window_begins_at
        from counted
    ),

    final as (
        select
            conversion_id,
            conversion_kind,
            source_id,
            entity_type,
            entity_id,
            converted_at,
            -- Touches after this instant count: a cycle begins with the conversion before.
            greatest(window_begins_at, coalesce(previous_converted_at, window_begins_at)) as counted_from_at,
            value_amount_reporting,
            gross_margin_amount_reporting
        from keyed
    )

select *
from final
