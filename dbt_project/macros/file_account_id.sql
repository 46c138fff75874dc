{#- The account of a row of a file: the company by its name, so that several files speak of one; else by the file's id. -#}
{% macro file_account_id(name, account_id="null", company="company") -%}
    case
        when trim({{ name }}) <> ''
        then 'files:' || {{ company }} || ':' || lower(trim({{ name }}))
        when {{ account_id }} is not null
        then 'files:' || {{ account_id }}
    end
{%- endmacro %}
