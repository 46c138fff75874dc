{#- A UTC instant as the clock of a time zone (IANA name, such as Europe/Paris) shows it. -#}
{% macro local_time(column, zone) -%}
    {{ return(adapter.dispatch("local_time", "lifecycle")(column, zone)) }}
{%- endmacro %}
{% macro default__local_time(column, zone) -%}
    ((({{ column }})::timestamp at time zone 'UTC') at time zone '{{ zone }}')
{%- endmacro %}
{% macro spark__local_time(column, zone) -%}
    convert_timezone('UTC', '{{ zone }}', ({{ column }})::timestamp_ntz)
{%- endmacro %}

{#-
    The UTC instant at which the clock of a time zone shows a local time. An hour that the clock skips or shows twice
    has no single answer: compare local times where that matters.
-#}
{% macro utc_time(column, zone) -%}
    {{ return(adapter.dispatch("utc_time", "lifecycle")(column, zone)) }}
{%- endmacro %}
{% macro default__utc_time(column, zone) -%}
    ((({{ column }})::timestamp at time zone '{{ zone }}') at time zone 'UTC')
{%- endmacro %}
{% macro spark__utc_time(column, zone) -%}
    convert_timezone('{{ zone }}', 'UTC', ({{ column }})::timestamp_ntz)
{%- endmacro %}

{#- The day of a UTC instant in the time zone of reports (`reporting_time_zone`). -#}
{% macro local_date(column) -%} cast({{ local_time(column, var("reporting_time_zone")) }} as date) {%- endmacro %}
