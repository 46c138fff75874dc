{%- set systems = var("sources") | list -%}
with
    {% for system in systems %}
        from_{{ system }} as (select * from {{ source("raw_" ~ system, "rejected_records") }}),
        states_of_{{ system }} as (
            select *
            from {{ source("raw_" ~ system, "rejection_states") }}
            qualify row_number() over (partition by rejection_id order by number desc nulls last) = 1
        ),
    {% endfor %}

    unioned as (
        {% for system in systems %}
            select
                rejected.rejection_id,
                rejected.source as source_system,
                nullif(rejected.source_account, '') as source_account,
                rejected.resource,
                rejected.record,
                rejected.reason,
                coalesce(states.state, 'open') as state,
                {{ load_instant("states._dlt_load_id") }} as state_changed_at,
                {{ load_instant("rejected._dlt_load_id") }} as rejected_at,
                rejected._dlt_load_id as load_id
            from from_{{ system }} as rejected
            left join
                states_of_{{ system }} as states on states.rejection_id = rejected.rejection_id
                {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from unioned
