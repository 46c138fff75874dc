{#- A channel as marts say it: `unknown`, in each of them, where nothing tells of one. -#}
{% macro channel_or_unknown(channel) -%} coalesce({{ channel }}, 'unknown') {%- endmacro %}
