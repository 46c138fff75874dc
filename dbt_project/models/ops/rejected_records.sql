{%- set systems = var("sources") | list -%}
with
    {% for system in systems %}
        from_{{ system }} as (select * from {{ source("raw_" ~ system, "rejected_records") }}),
    {% endfor %}

    unioned as (
        {% for system in systems %}
            select
                rejection_id,
                source as source_system,
                resource,
                record,
                reason,
                {{ load_instant("_dlt_load_id") }} as rejected_at,
                _dlt_load_id as load_id
            from from_{{ system }} {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from unioned
