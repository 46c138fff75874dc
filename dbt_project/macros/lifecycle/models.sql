{#- The definition of an enabled stage model by its name, from the YAML beside it. At execution only. -#}
{% macro lifecycle_definition(name) -%}
    {{ return(graph.nodes["model.lifecycle.int_lifecycle__" ~ name].config.meta.lifecycle) }}
{%- endmacro %}

{#-
    Names of the enabled stage models that are proposals (`proposes` another model), or of those that are not. Each of
    these models is read, so that whatever asks for the names is built after them.
-#}
{% macro lifecycle_model_names(proposals) -%}
    {%- set names = var("lifecycle_proposals" if proposals else "lifecycle_models") -%}
    {%- for name in names -%} {%- set _ = ref("int_lifecycle__" ~ name) -%} {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- Episodes of the enabled stage models that are proposals, or of those that are not, side by side. -#}
{% macro lifecycle_union(proposals) -%}
    {%- set names = lifecycle_model_names(proposals) -%}
    with
        {%- for name in names %}
            {{ name }} as (
                select
                    entity_type,
                    entity_id,
                    lifecycle_model,
                    {%- for column in lifecycle_episode_columns() %} {{ column }},{%- endfor %}
                    evaluated_as_of,
                    evaluated_at
                from {{ ref("int_lifecycle__" ~ name) }}
            ),
        {%- endfor %}

        unioned as (
            {% for name in names %}select * from {{ name }} {{ "union all" if not loop.last }} {% endfor %}
            {% if not names %}
                -- No such model is enabled: the columns of any, and no row.
                select
                    entity_type,
                    entity_id,
                    lifecycle_model,
                    {%- for column in lifecycle_episode_columns() %} {{ column }},{%- endfor %}
                    evaluated_as_of,
                    evaluated_at
                from {{ ref("int_lifecycle__" ~ var("lifecycle_models")[0]) }}
                where false
            {% endif %}
        )

    select *
    from unioned
{%- endmacro %}

{#- Episodes as core shows them: with a key, and with how long they last as of now. -#}
{% macro lifecycle_facts(episodes_relation) -%}
    with
        episodes as (select * from {{ episodes_relation }}),

        final as (
            select
                {{ surrogate_key(["lifecycle_model", "entity_type", "entity_id", "entered_at"]) }} as episode_id,
                entity_type,
                entity_id,
                lifecycle_model,
                stage,
                stage_kind,
                stage_order,
                pass_number,
                entered_at,
                exited_at,
                exited_at is null as is_current,
                {{ days_between("entered_at", "coalesce(exited_at, " ~ as_of() ~ ")") }} as duration_days,
                previous_stage,
                next_stage,
                entry_rule,
                entry_activity_id,
                lost_reason,
                loaded_at
            from episodes
        )

    select *
    from final
{%- endmacro %}
