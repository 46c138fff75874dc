{#- The account of a row of a file: known by the company's name, so that several files agree, else by the file's id. -#}
{% macro file_account_id(name, account_id="null", company="company") -%}
    case when trim({{ name }}) <> '' then {{ company }} || ':' || lower(trim({{ name }})) else {{ account_id }} end
{%- endmacro %}
