{#- Readable key of a source record, the same wherever a model speaks of the record. -#}
{% macro record_key(source_system, record_type, source_record_id) -%}
    {{ source_system }} || ':' || {{ record_type }} || ':' || {{ source_record_id }}
{%- endmacro %}
