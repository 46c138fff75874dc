with
    observations as (select * from {{ ref("audience_observations") }}),

    audiences as (
        {%- for name in var("audiences") %}
            {%- set audience = audience_definition(name) if execute else {} %}
            select
                {{ quoted(name) }} as audience,
                {{ quoted(audience.label_en or "") }} as audience_label_en,
                {{ quoted(audience.label_fr or "") }} as audience_label_fr,
                {{ audience.priority or 0 }} as audience_order {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    final as (
        select
            observations.audience,
            audiences.audience_label_en,
            audiences.audience_label_fr,
            audiences.audience_order,
            observations.entity_type,
            observations.entity_id,
            observations.entered_at,
            observations.exited_at,
            observations.exited_at is null as is_current,
            observations.reason
        from observations
        inner join audiences on audiences.audience = observations.audience
        where observations.exited_at is null or observations.exited_at > observations.entered_at
    )

select *
from final
