{%- set systems = var("sources") | list -%}
with
    {% for system in systems %}
        from_{{ system }} as (select * from {{ source("raw_" ~ system, "load_audit") }}),
    {% endfor %}

    unioned as (
        {% for system in systems %}
            select
                load_key,
                source as source_system,
                nullif(source_account, '') as source_account,
                resource,
                received as received_count,
                loaded as loaded_count,
                rejected as rejected_count,
                replayed as replayed_count,
                read_again_from,
                read_again_until,
                rejected_kinds,
                {{ utc_timestamp("finished_at") }} as finished_at,
                _dlt_load_id as load_id
            from from_{{ system }} {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from unioned
