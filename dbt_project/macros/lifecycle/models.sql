{#- The definition of an enabled stage model by its name, from the YAML beside it. At execution only. -#}
{% macro lifecycle_definition(name) -%}
    {{ return(graph.nodes["model.lifecycle.int_lifecycle__" ~ name].config.meta.lifecycle) }}
{%- endmacro %}
