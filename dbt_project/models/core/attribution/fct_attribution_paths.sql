{#-
    A touch whose window is not over may still lead to a conversion: it is no loss yet, and left out. Deals are lost by
    people, as companies are touched through them.
-#}
{%- set kinds = [] -%}
{%- for kind, days in var("attribution")["conversions"].items() if execute -%}
    {%- set stage = modules.re.fullmatch("stage:([a-z0-9_]+)[.].*", kind) -%}
    {%- if not stage -%} {%- do kinds.append((kind, "person", days)) -%}
    {%- elif stage[1] in var("lifecycle_models") -%}
        {%- do kinds.append((kind, lifecycle_definition(stage[1]).entity, days)) -%}
    {%- endif -%}
{%- endfor -%}
{%- set in_order = "partition by path_id order by touched_at asc nulls last, touch_id asc nulls last" -%}

with
    conversions as (select * from {{ ref("fct_conversions") }}),
    touches as (select * from {{ ref("fct_touches") }}),
    orders as (select * from {{ ref("fct_orders") }} where paid_at <= {{ as_of() }}),

    kinds as (
        {%- for kind, entity_type, days in kinds %}
            select
                {{ quoted(kind) }} as conversion_kind,
                '{{ entity_type }}' as entity_type,
                {{ days }} as window_days
                {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    -- Without any touch, the conversion is one direct touch.
    converting_touches as (
        select
            conversions.conversion_id as path_id,
            conversions.conversion_kind,
            conversions.entity_type,
            conversions.entity_id,
            true as is_converted,
            conversions.value_amount_reporting,
            touches.touch_id,
            touches.touched_at,
            touches.channel,
            touches.campaign_id,
            coalesce(touches.is_direct, true) as is_direct
        from conversions
        left join
            touches
            on touches.entity_type = conversions.entity_type
            and touches.entity_id = conversions.entity_id
            and touches.touched_at > conversions.counted_from_at
            and touches.touched_at <= conversions.converted_at
    ),

    first_orders as (
        select 'person' as entity_type, person_id as entity_id, min(paid_at) as first_paid_at
        from orders
        where person_id is not null
        group by person_id
    ),

    -- Before somebody's first order a touch can lead to that one only, and after it to a repeated one.
    possible_touches as (
        select touches.*, kinds.conversion_kind, kinds.window_days
        from touches
        inner join kinds on kinds.entity_type = touches.entity_type
        left join
            first_orders
            on first_orders.entity_type = touches.entity_type
            and first_orders.entity_id = touches.entity_id
        where
            case
                kinds.conversion_kind
                when 'first_order'
                then touches.touched_at <= coalesce(first_orders.first_paid_at, touches.touched_at)
                when 'repeat_order'
                then touches.touched_at > first_orders.first_paid_at
                else true
            end
            and {{ days_between("touches.touched_at", as_of()) }} >= kinds.window_days
    ),

    lost_touches as (
        select possible_touches.*
        from possible_touches
        left join
            converting_touches
            on converting_touches.touch_id = possible_touches.touch_id
            and converting_touches.entity_type = possible_touches.entity_type
            and converting_touches.conversion_kind = possible_touches.conversion_kind
        where converting_touches.touch_id is null
    ),

    -- A path is lost when nothing follows for a whole window: what comes then begins another.
    with_the_touch_before as (
        select
            *,
            lag(touched_at) over (
                partition by conversion_kind, entity_type, entity_id
                order by touched_at asc nulls last, touch_id asc nulls last
            ) as previous_touched_at
        from lost_touches
    ),

    numbered as (
        select
            *,
            count(case when {{ days_between("previous_touched_at", "touched_at") }} >= window_days then 1 end) over (
                partition by conversion_kind, entity_type, entity_id
                order by touched_at asc nulls last, touch_id asc nulls last
                rows between unbounded preceding and current row
            ) as path_number
        from with_the_touch_before
    ),

    unioned as (
        select *
        from converting_touches
        union all
        select
            {{ surrogate_key(["conversion_kind", "entity_type", "entity_id", "path_number"]) }} as path_id,
            conversion_kind,
            entity_type,
            entity_id,
            false as is_converted,
            null as value_amount_reporting,
            touch_id,
            touched_at,
            channel,
            campaign_id,
            is_direct
        from numbered
    ),

    named as (
        select
            *,
            case when is_direct then 'direct' else {{ path_step(channel_or_unknown("channel")) }} end as channel_step,
            {{ path_step("coalesce(campaign_id, 'none')") }} as campaign_step
        from unioned
    ),

    with_the_step_before as (
        select
            *,
            lag(channel_step) over ({{ in_order }}) as previous_channel_step,
            lag(campaign_step) over ({{ in_order }}) as previous_campaign_step
        from named
    ),

    final as (
        select
            path_id,
            conversion_kind,
            entity_type,
            entity_id,
            is_converted,
            count(touch_id) as touch_count,
            min(touched_at) as first_touched_at,
            max(touched_at) as last_touched_at,
            {{
                joined_in_order(
                    "case when channel_step = previous_channel_step then null else channel_step end",
                    " > ",
                    ["touched_at", "touch_id"],
                )
            }} as channel_path,
            {{
                joined_in_order(
                    "case when campaign_step = previous_campaign_step then null else campaign_step end",
                    " > ",
                    ["touched_at", "touch_id"],
                )
            }} as campaign_path,
            max(value_amount_reporting) as value_amount_reporting
        from with_the_step_before
        group by path_id, conversion_kind, entity_type, entity_id, is_converted
    )

select *
from final
