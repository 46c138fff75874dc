{#- A reason with what it is about in front, unless it says so itself. -#}
{% macro reason_of(reason, subject) -%}
    case when {{ reason }} like '{{ subject }}: %' then {{ reason }} else '{{ subject }}: ' || {{ reason }} end
{%- endmacro %}
