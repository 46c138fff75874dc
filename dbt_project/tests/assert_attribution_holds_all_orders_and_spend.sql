{%- set kinds = var("attribution")["conversions"] %}
-- Every paid order is one conversion with all that it brought in, and every cent of spend is in each kind and model,
-- except where some of a campaign's spend in a month has no exchange rate.
with
    conversions as (
        select * from {{ ref("fct_conversions") }} where conversion_kind in ('first_order', 'repeat_order')
    ),
    revenue_entries as (select * from {{ ref("fct_revenue_entries") }} where order_id is not null),
    attribution as (select * from {{ ref("campaign_attribution") }}),
    campaigns as (select * from {{ ref("campaign_performance") }}),

    order_values as (
        select
            order_id,
            case when count(*) = count(amount_reporting) then sum(amount_reporting) end as value_amount_reporting
        from revenue_entries
        group by order_id
        having count(case when entry_type = 'sale' then 1 end) > 0
    ),

    unequal_orders as (
        select coalesce(order_values.order_id, conversions.source_id) as what
        from order_values
        full outer join conversions on conversions.source_id = order_values.order_id
        where
            {{ "first_order" in kinds and "repeat_order" in kinds }}
            and (
                order_values.order_id is null
                or conversions.source_id is null
                or coalesce(order_values.value_amount_reporting, -1) <> coalesce(conversions.value_amount_reporting, -1)
            )
    ),

    spent as (select coalesce(sum(spend_amount_reporting), 0) as spend from campaigns),

    unequal_spend as (
        select attribution.conversion_kind || ' ' || attribution.attribution_model as what
        from attribution
        cross join spent
        group by attribution.conversion_kind, attribution.attribution_model, spent.spend
        having coalesce(sum(attribution.spend_amount_reporting), 0) <> spent.spend
    )

select what
from unequal_orders
union all
select what
from unequal_spend
