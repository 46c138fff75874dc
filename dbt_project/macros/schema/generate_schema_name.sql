{#- A folder's schema is the schema: no target prefix, so that a name is the same in every document and query. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
