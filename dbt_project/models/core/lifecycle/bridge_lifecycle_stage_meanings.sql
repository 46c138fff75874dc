{%- set rows = [] -%}
{%- set model_names = lifecycle_model_names(proposals=false) -%}
{#- The YAML of a stage's model says what the stage means. -#}
{%- for name in model_names -%}
    {%- if execute -%}
        {%- for stage in lifecycle_definition(name).stages -%}
            {%- for derived_model, derived_stages in stage.get("means", {}).items() -%}
                {%- if derived_model in model_names -%}
                    {%- set known_stages = lifecycle_definition(derived_model).stages | map(attribute="key") | list -%}
                    {%- for derived_stage in derived_stages -%}
                        {%- if derived_stage not in known_stages -%}
                            {%- do lifecycle_error(
                                "int_lifecycle__" ~ name ~ ".yml",
                                "stage " ~ stage.key,
                                "it means the stage `"
                                ~ derived_stage
                                ~ "`, which "
                                ~ derived_model
                                ~ " does not have",
                                "choose from: " ~ known_stages | join(", "),
                            ) -%}
                        {%- endif -%}
                        {%- do rows.append([name, stage.key, derived_model, derived_stage]) -%}
                    {%- endfor -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{%- endfor -%}
{%- set names = ["authority_model", "authority_stage", "derived_model", "derived_stage"] -%}
with
    meanings as (
        {% for row in rows %}
            select
                {% for name in names %}
                    {{ quoted(row[loop.index0]) }} as {{ name }}{{ "," if not loop.last }}
                {% endfor %}
            union all
        {% endfor %}
        -- Sets the types even if no enabled model is an authority over another.
        select
            {% for name in names %}
                cast(null as {{ dbt.type_string() }}) as {{ name }}{{ "," if not loop.last }}
            {% endfor %}
    ),

    final as (select * from meanings where authority_model is not null)

select *
from final
