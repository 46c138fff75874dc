{#-
    Stop where the setting `attribution` names a kind of conversion that nothing can be: a spelling mistake would
    otherwise be a conversion that nobody ever makes. A stage of a model that is not enabled is none, and not wrong.
-#}
{% macro refuse_unknown_conversions(windows) -%}
    {%- for kind, days in windows.items() if execute -%}
        {%- set where = "dbt_project.yml: vars: attribution: conversions: " ~ kind ~ ": " -%}
        {%- if days is not integer or days < 1 -%}
            {%- do exceptions.raise_compiler_error(where ~ "give the days before it that count, at least 1") -%}
        {%- endif -%}
        {%- set name = modules.re.fullmatch("stage:([a-z0-9_]+)[.]([A-Za-z0-9_]+)", kind) -%}
        {%- if name and name[1] in var("lifecycle_models") -%}
            {%- set stages = lifecycle_definition(name[1]).stages | map(attribute="key") | list -%}
            {%- if name[2] not in stages -%}
                {%- do exceptions.raise_compiler_error(
                    where ~ "the stage model " ~ name[1] ~ " has the stages " ~ stages | join(", ")
                ) -%}
            {%- endif -%}
        {%- elif not name and kind not in ["first_order", "repeat_order", "subscription_started", "deal_won"] -%}
            {%- do exceptions.raise_compiler_error(
                where
                ~ "a conversion is first_order, repeat_order, subscription_started, deal_won or stage:<model>.<stage>"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
