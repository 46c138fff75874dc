{#- What dbt's own macros for Spark get wrong for instants without time zone. dbt finds these before its own. -#}
{#- dbt's drops fractions of a second. As in DuckDB, a date becomes an instant. -#}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    (cast({{ from_date_or_timestamp }} as timestamp_ntz) + cast({{ interval }} as int) * interval '1' {{ datepart }})
{%- endmacro %}

{#- dbt's reads seconds since 1970 as if they were the text of an instant. Months are counted by their beginnings. -#}
{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == "day" -%} datediff({{ second_date }}, {{ first_date }})
    {%- elif datepart == "month" -%}
        ((year({{ second_date }}) - year({{ first_date }})) * 12 + month({{ second_date }}) - month({{ first_date }}))
    {%- else -%}
        {%- do exceptions.raise_compiler_error(
            "datediff by " ~ datepart ~ " means other things elsewhere: take microseconds_between and divide"
        ) -%}
    {%- endif -%}
{%- endmacro %}
