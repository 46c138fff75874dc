{#- A reason with its subject in front, unless it names the subject itself. -#}
{% macro reason_of(reason, subject) -%}
    case when {{ reason }} like '{{ subject }}: %' then {{ reason }} else '{{ subject }}: ' || {{ reason }} end
{%- endmacro %}
