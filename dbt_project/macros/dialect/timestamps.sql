{#- Instants are timestamps without zone, in UTC, everywhere in the models. -#}
{% macro timestamp_type() -%} {{ return(adapter.dispatch("timestamp_type", "lifecycle")()) }} {%- endmacro %}
{% macro default__timestamp_type() -%} timestamp {%- endmacro %}
{% macro spark__timestamp_type() -%} timestamp_ntz {%- endmacro %}

{% macro timestamp_literal(text) -%}
    {{ return(adapter.dispatch("timestamp_literal", "lifecycle")(text)) }}
{%- endmacro %}
{% macro default__timestamp_literal(text) -%} timestamp '{{ text }}' {%- endmacro %}
{% macro spark__timestamp_literal(text) -%} timestamp_ntz '{{ text }}' {%- endmacro %}

{#- The instant at which a date begins. -#}
{% macro midnight(date) -%} cast({{ date }} as {{ timestamp_type() }}) {%- endmacro %}

{#- A raw instant with zone as a UTC timestamp. -#}
{% macro utc_timestamp(column) -%} {{ return(adapter.dispatch("utc_timestamp", "lifecycle")(column)) }} {%- endmacro %}
{% macro default__utc_timestamp(column) -%} ({{ column }} at time zone 'UTC') {%- endmacro %}
{% macro spark__utc_timestamp(column) -%}
    to_utc_timestamp({{ column }}, current_timezone())::timestamp_ntz
{%- endmacro %}

{#- The instant of a dlt load, whose id is seconds since 1970 as text. -#}
{% macro load_instant(column) -%} {{ return(adapter.dispatch("load_instant", "lifecycle")(column)) }} {%- endmacro %}
{#-
    Read as a decimal of 18 digits, which is a number of 64 bits: reading a text into more digits takes a hundred times as
    long, in each row of each raw table. As a double, microseconds are exact until the year 2255.
-#}
{% macro default__load_instant(column) -%}
    make_timestamp(({{ column }}::decimal(18, 6)::double * 1000000)::bigint)
{%- endmacro %}
{% macro spark__load_instant(column) -%}
    timestamp_micros(({{ column }}::decimal(20, 6) * 1000000)::bigint)::timestamp_ntz
{%- endmacro %}

{#-
    Elapsed microseconds, as a bigint: durations that are added up or compared are whole numbers, because sums of
    doubles are not exact. Differences of dates and datediff by hour mean other things elsewhere.
-#}
{% macro microseconds_between(earlier, later) -%}
    {{ return(adapter.dispatch("microseconds_between", "lifecycle")(earlier, later)) }}
{%- endmacro %}
{% macro default__microseconds_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }}))
{%- endmacro %}
{% macro spark__microseconds_between(earlier, later) -%}
    (unix_micros({{ later }}::timestamp) - unix_micros({{ earlier }}::timestamp))
{%- endmacro %}

{#- Microseconds as seconds, as a double: what is shown. -#}
{% macro as_seconds(microseconds) -%}(({{ microseconds }})::double / 1000000) {%- endmacro %}

{#- Elapsed seconds, as a double. -#}
{% macro seconds_between(earlier, later) -%} {{ as_seconds(microseconds_between(earlier, later)) }} {%- endmacro %}

{#- Elapsed days of 24 hours, as a double. -#}
{% macro days_between(earlier, later) -%} {{ as_days(microseconds_between(earlier, later)) }} {%- endmacro %}

{#- Microseconds as days of 24 hours, as a double: what is shown. -#}
{% macro as_days(microseconds) -%} (({{ microseconds }})::double / 86400000000) {%- endmacro %}
