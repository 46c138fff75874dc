{%- set rows = [] -%}
{%- for name in lifecycle_model_names(proposals=true) -%}
    {%- if execute -%}
        {%- set definition = lifecycle_definition(name) -%}
        {%- for stage in definition.stages -%}
            {%- do rows.append(dict(stage, model=name, proposes=definition.proposes, stage_order=loop.index)) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endfor -%}
with
    stages as (
        {% for row in rows %}
            select
                {{ quoted(row.model) }} as proposed_model,
                {{ quoted(row.proposes) }} as current_model,
                {{ quoted(row.key) }} as stage,
                {{ quoted(row.kind) }} as stage_kind,
                {{ row.stage_order }} as stage_order,
                {{ quoted(row.labels.en) }} as stage_label_en,
                {{ quoted(row.labels.fr) }} as stage_label_fr
            union all
        {% endfor %}
        -- Sets the types even if no proposal is enabled.
        select
            cast(null as {{ dbt.type_string() }}) as proposed_model,
            cast(null as {{ dbt.type_string() }}) as current_model,
            cast(null as {{ dbt.type_string() }}) as stage,
            cast(null as {{ dbt.type_string() }}) as stage_kind,
            cast(null as {{ dbt.type_int() }}) as stage_order,
            cast(null as {{ dbt.type_string() }}) as stage_label_en,
            cast(null as {{ dbt.type_string() }}) as stage_label_fr
    ),

    final as (select * from stages where proposed_model is not null)

select *
from final
