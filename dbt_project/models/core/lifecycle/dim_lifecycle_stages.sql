{#- The stages come from the YAML of the enabled stage models; proposals are left out. -#}
{%- set rows = [] -%}
{%- for name in lifecycle_model_names(proposals=false) -%}
    {%- if execute -%}
        {%- set definition = lifecycle_definition(name) -%}
        {%- for stage in definition.stages -%}
            {%- do rows.append(
                dict(stage, model=definition.model, model_labels=definition.labels, stage_order=loop.index)
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endfor -%}
{%- if not execute -%}
    {%- do rows.append(
        {
            "model": "",
            "key": "",
            "kind": "",
            "stage_order": 0,
            "labels": {"en": "", "fr": ""},
            "model_labels": {"en": "", "fr": ""},
        }
    ) -%}
{%- endif -%}
with
    stages as (
        {% for row in rows %}
            select
                {{ quoted(row.model) }} as lifecycle_model,
                {{ quoted(row.key) }} as stage,
                {{ quoted(row.kind) }} as stage_kind,
                {{ row.stage_order }} as stage_order,
                {{ quoted(row.labels.en) }} as stage_label_en,
                {{ quoted(row.labels.fr) }} as stage_label_fr,
                {{ quoted(row.model_labels.en) }} as lifecycle_model_label_en,
                {{ quoted(row.model_labels.fr) }} as lifecycle_model_label_fr
                {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from stages
