{#-
    Stop where the setting `consents` lacks what it has to say of a purpose, or says something else: what is misspelt
    would otherwise decide who is reached. The purposes are those that a register can state.
-#}
{% macro refuse_impossible_consents(consents) -%}
    {%- set where = "dbt_project.yml: vars: consents: " -%}
    {%- set keys = ["channels", "is_allowed_without_a_statement", "ends_with_marketing"] -%}
    {%- for purpose in ["marketing", "advertising", "service"] if purpose not in consents and execute -%}
        {%- do exceptions.raise_compiler_error(where ~ "say who may be reached for " ~ purpose) -%}
    {%- endfor -%}
    {%- for purpose, rule in consents.items() if execute -%}
        {%- if purpose not in ["marketing", "advertising", "service"] -%}
            {%- do exceptions.raise_compiler_error(
                where ~ purpose ~ " is no purpose. There are marketing, advertising and service"
            ) -%}
        {%- endif -%}
        {%- if rule | list | sort != keys | sort -%}
            {%- do exceptions.raise_compiler_error(
                where ~ purpose ~ ": it says " ~ keys | join(", ") ~ " and nothing else"
            ) -%}
        {%- endif -%}
        {%- for key in keys[1:] if rule[key] is not boolean -%}
            {%- do exceptions.raise_compiler_error(where ~ purpose ~ ": " ~ key ~ ": write true or false") -%}
        {%- endfor -%}
        {%- set known = ["email", "messaging", "phone", "post", "all"] -%}
        {%- for channel in rule["channels"] if channel not in known -%}
            {%- do exceptions.raise_compiler_error(
                where ~ purpose ~ ": channels: " ~ channel ~ " is none of " ~ known | join(", ")
            ) -%}
        {%- endfor -%}
        {%- if not rule["channels"] -%}
            {%- do exceptions.raise_compiler_error(where ~ purpose ~ ": channels: name one, or all") -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
