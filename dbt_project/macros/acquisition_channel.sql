{#- What acquired a person: for a campaign it is the platform, under which spend is booked too. -#}
{% macro acquisition_channel(persons) -%}
    {{ channel_or_unknown(persons ~ ".first_touch_platform, " ~ persons ~ ".first_touch_channel") }}
{%- endmacro %}
