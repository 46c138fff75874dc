{#- A view: what counts as a touch is a filter on the stream, which is the largest table. -#}
{{ config(materialized="view") }}
{%- set attribution = var("attribution") %}

with
    activities as (select * from {{ ref("fct_activities") }}),

    -- A conversation that we begin is no step of the person.
    touches as (
        select *
        from activities
        where
            (
                activity in ({{ quoted_list(attribution["touches"]) }})
                or (activity in ({{ quoted_list(attribution["touches_with_a_campaign"]) }}) and campaign_id is not null)
            )
            and coalesce({{ json_text("attributes", "begun_by") }}, 'contact') = 'contact'
    ),

    -- A company is touched through its people.
    final as (
        {% for entity in ["person", "account"] %}
            select
                activity_id as touch_id,
                '{{ entity }}' as entity_type,
                {{ entity }}_id as entity_id,
                activity,
                occurred_at as touched_at,
                channel,
                campaign_id,
                ad_id,
                {% for name in click_id_names() %} {{ json_text("attributes", name) }} as {{ name }}, {% endfor %}
                -- JSON is read where nothing else says whence they came.
                case
                    when channel is null and campaign_id is null and ad_id is null
                    then
                        {% for name in click_id_names() %}
                            {{ json_text("attributes", name) }} is null {{ "and" if not loop.last }}
                        {% endfor %}
                    else false
                end as is_direct
            from touches
            where {{ entity }}_id is not null {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from final
