{#-
    Stop what would run on no warehouse, or at no instant: dbt by itself knows neither, and the clock is another instant
    than the one that the rest of the warehouse was built with.
-#}
{% macro refuse_without_refresh() -%}
    {%- if execute and (
        (target.type == "duckdb" and target.path == ":memory:") or not env_var("LIFECYCLE_AS_OF", "")
    ) -%}
        {%- do exceptions.raise_compiler_error(
            "dbt by itself knows neither the warehouse nor the instant of the last refresh."
            " Fix: run it from the folder of the project as make dbt ARGS='build -s customer_360'."
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- `dbt show` has no hooks: dbt asks this macro for what it is about to run. -#}
{% macro get_show_sql(compiled_code, sql_header, limit) -%}
    {{ refuse_without_refresh() }} {{ dbt.get_show_sql(compiled_code, sql_header, limit) }}
{%- endmacro %}
