{#- A channel as marts show it: `unknown`, in all of them, where none is known. -#}
{% macro channel_or_unknown(channel) -%} coalesce({{ channel }}, 'unknown') {%- endmacro %}
