{#- What acquired a person: what a campaign brought came by its platform, where spend is booked too. -#}
{% macro acquisition_channel(persons) -%}
    {{ channel_or_unknown(persons ~ ".first_touch_platform, " ~ persons ~ ".first_touch_channel") }}
{%- endmacro %}
