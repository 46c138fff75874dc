{#-
    The instant that this refresh calls "now", as a UTC timestamp: LIFECYCLE_AS_OF, set once per refresh, or the
    start of the dbt run. Read at execution only, so that a new instant does not make dbt parse the project again.
-#}
{% macro as_of() -%}
    {%- if execute -%}
        {%- set setting = env_var("LIFECYCLE_AS_OF", "") -%}
        {%- set instant = modules.datetime.datetime.fromisoformat(setting) if setting else run_started_at -%}
        {%- if instant.tzinfo -%} {%- set instant = instant.astimezone(modules.pytz.utc) -%} {%- endif -%}
        {%- if instant.strftime("%Y-%m-%d") < first_day() -%}
            {%- do exceptions.raise_compiler_error(
                "LIFECYCLE_AS_OF="
                ~ setting
                ~ " lies before "
                ~ first_day()
                ~ ", before which nothing is accepted."
                " Fix: write a later instant, such as 2026-10-31T06:00:00Z, or leave it empty for now."
            ) -%}
        {%- endif -%}
        {{ timestamp_literal(instant.strftime("%Y-%m-%d %H:%M:%S.%f")) }}
    {%- else -%} {{ timestamp_literal("2000-01-01 00:00:00") }}
    {%- endif -%}
{%- endmacro %}

{#- The day, in UTC, on which "now" lies. -#}
{% macro as_of_date() -%} cast({{ as_of() }} as date) {%- endmacro %}

{#- The earliest day of any instant that is accepted on arrival: as text, and as a date. -#}
{% macro first_day() -%} {{ return("1970-01-01") }} {%- endmacro %}
{% macro first_date() -%} cast('{{ first_day() }}' as date) {%- endmacro %}
