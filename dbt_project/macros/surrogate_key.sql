{#- A stable text key of the given expressions; null parts count as empty. -#}
{% macro surrogate_key(expressions) -%}
    md5(
        {%- for expression in expressions %}
            coalesce({{ expression }}::string, ''){{ " || '|' || " if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}
