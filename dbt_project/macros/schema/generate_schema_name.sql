{#-
    A folder's schema is the schema: no target prefix, so that a name is the same in every document and query.

    dbt calls this again once it has read the YAML of a model, and no other macro while it parses: a stage model that
    cannot mean what it says is refused here.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- do refuse_wrong_stage_model(node) -%} {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
