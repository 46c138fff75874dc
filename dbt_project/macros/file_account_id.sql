{#- The account of a row of a file: the company by its name, so that several files speak of one; else by the file's id. -#}
{% macro file_account_id(name, account_id="null", company="company") -%}
    case when trim({{ name }}) <> '' then {{ company }} || ':' || lower(trim({{ name }})) else {{ account_id }} end
{%- endmacro %}
