with
    {% for name in var("lifecycle_models") %}
        {{ name }} as (select * from {{ ref("int_lifecycle__" ~ name) }}),
    {% endfor %}

    unioned as (
        {% for name in var("lifecycle_models") %}
            select
                entity_type,
                entity_id,
                lifecycle_model,
                stage,
                stage_kind,
                stage_order,
                pass_number,
                entered_at,
                exited_at,
                entry_rule,
                entry_activity_id,
                lost_reason,
                loaded_at
            from {{ name }} {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from unioned
