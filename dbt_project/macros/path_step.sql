{#- The name of a channel or campaign as a step of a path: what stands between two steps stands in none of them. -#}
{% macro path_step(name) -%} replace({{ name }}, ' > ', ' / ') {%- endmacro %}
