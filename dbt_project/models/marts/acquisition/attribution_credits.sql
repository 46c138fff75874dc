{%- set models = ["first", "last", "last_non_direct", "linear", "position", "time_decay"] -%}
{%- set in_order = "partition by conversion_id order by touched_at asc nulls last, touch_id asc nulls last" -%}

with
    conversions as (select * from {{ ref("fct_conversions") }}),
    touches as (select * from {{ ref("fct_touches") }}),
    campaigns as (select * from {{ ref("dim_campaigns") }}),

    -- Without any touch, the conversion is one direct touch.
    paths as (
        select
            conversions.*,
            touches.touch_id,
            touches.activity as touch_activity,
            touches.touched_at,
            case
                when coalesce(touches.is_direct, true) then 'direct' else {{ channel_or_unknown("touches.channel") }}
            end as channel,
            touches.campaign_id,
            touches.ad_id,
            coalesce(touches.is_direct, true) as is_direct
        from conversions
        left join
            touches
            on touches.entity_type = conversions.entity_type
            and touches.entity_id = conversions.entity_id
            and touches.touched_at > conversions.counted_from_at
            and touches.touched_at <= conversions.converted_at
    ),

    touch_counts as (
        select conversion_id, count(*) as touch_count, count(case when not is_direct then 1 end) as non_direct_count
        from paths
        group by conversion_id
    ),

    counted as (
        select paths.*, touch_counts.touch_count, touch_counts.non_direct_count
        from paths
        inner join touch_counts on touch_counts.conversion_id = paths.conversion_id
    ),

    -- Most conversions have one touch, which has all of them in every model.
    alone as (select * from counted where touch_count = 1),

    numbered as (
        select
            *,
            row_number() over ({{ in_order }})::bigint as touch_number,
            count(case when not is_direct then 1 end) over (
                {{ in_order }} rows between unbounded preceding and current row
            ) as non_direct_number,
            power(
                2::double,
                -{{ days_between("touched_at", "converted_at") }}
                / nullif({{ var("attribution")["half_life_days"] }}, 0)
            ) as weight
        from counted
        where touch_count > 1
    ),

    -- What each touch has of the conversion, in each model.
    shares as (
        select
            *,
            case when touch_number = 1 then 1::double else 0::double end as share_first,
            case when touch_number = touch_count then 1::double else 0::double end as share_last,
            case
                when non_direct_count = 0 and touch_number = touch_count
                then 1::double
                when non_direct_count > 0 and not is_direct and non_direct_number = non_direct_count
                then 1::double
                else 0::double
            end as share_last_non_direct,
            1::double / nullif(touch_count, 0) as share_linear,
            case
                when touch_count <= 2
                then 1::double / nullif(touch_count, 0)
                when touch_number in (1, touch_count)
                then 0.4::double
                else 0.2::double / nullif(touch_count - 2, 0)
            end as share_position,
            weight / nullif(sum(weight) over (partition by conversion_id), 0) as share_time_decay
        from numbered
    ),

    running_shares as (
        select
            *,
            {%- for model in models %}
                sum(share_{{ model }}) over (
                    {{ in_order }} rows between unbounded preceding and current row
                ) as share_{{ model }}_to_date{{ "," if not loop.last }}
            {%- endfor %}
        from shares
    ),

    -- Rounded on the running total, so that the credits of a conversion add up to it exactly.
    running as (
        select
            *,
            {%- for model in models %}
                case
                    when touch_number = touch_count
                    then 1::decimal(10, 9)
                    else {{ decimal_from_double("share_" ~ model ~ "_to_date", 10, 9) }}
                end as credit_{{ model }}_to_date{{ "," if not loop.last }}
            {%- endfor %}
        from running_shares
    ),

    parts as (
        select
            *,
            {%- for model in models %}
                coalesce(
                    lag(credit_{{ model }}_to_date) over ({{ in_order }}), 0::decimal(10, 9)
                ) as credit_{{ model }}_before{{ "," if not loop.last }}
            {%- endfor %}
        from running
    ),

    models as (
        {% for model in models %}
            select '{{ model }}' as attribution_model {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    -- The models of one touch lie side by side, so that what they share is stored once.
    unpivoted as (
        select
            conversion_id,
            conversion_kind,
            source_id,
            entity_type,
            entity_id,
            converted_at,
            value_amount_reporting,
            gross_margin_amount_reporting,
            touch_id,
            touch_number,
            touch_count,
            touch_activity,
            touched_at,
            channel,
            campaign_id,
            ad_id,
            models.attribution_model,
            case
                models.attribution_model
                {%- for model in models %} when '{{ model }}' then credit_{{ model }}_to_date{%- endfor %}
            end as credit_to_date,
            case
                models.attribution_model
                {%- for model in models %} when '{{ model }}' then credit_{{ model }}_before{%- endfor %}
            end as credit_before
        from parts
        cross join models
        union all
        select
            conversion_id,
            conversion_kind,
            source_id,
            entity_type,
            entity_id,
            converted_at,
            value_amount_reporting,
            gross_margin_amount_reporting,
            touch_id,
            1::bigint as touch_number,
            touch_count,
            touch_activity,
            touched_at,
            channel,
            campaign_id,
            ad_id,
            models.attribution_model,
            1::decimal(10, 9) as credit_to_date,
            0::decimal(10, 9) as credit_before
        from alone
        cross join models
    ),

    final as (
        select
            conversion_id,
            conversion_kind,
            source_id,
            entity_type,
            entity_id,
            converted_at,
            {{ local_date("converted_at") }} as converted_on,
            attribution_model,
            touch_id,
            touch_number,
            touch_count,
            touch_activity,
            touched_at,
            unpivoted.channel,
            coalesce(unpivoted.campaign_id, 'none') as campaign_id,
            campaigns.campaign_name,
            unpivoted.ad_id,
            (credit_to_date - credit_before)::decimal(10, 9) as credit,
            {{ reporting_currency() }} as reporting_currency,
            {{ part_credited("value_amount_reporting") }} as value_amount_reporting,
            {{ part_credited("gross_margin_amount_reporting") }} as gross_margin_amount_reporting
        from unpivoted
        left join campaigns on campaigns.campaign_id = unpivoted.campaign_id
        where credit_to_date > credit_before
    )

select *
from final
