{#- A double rounded to a decimal with so many digits in all and after the point. -#}
{% macro decimal_from_double(expression, precision, scale) -%}
    {{ return(adapter.dispatch("decimal_from_double", "lifecycle")(expression, precision, scale)) }}
{%- endmacro %}
{% macro default__decimal_from_double(expression, precision, scale) -%}
    ({{ expression }})::decimal({{ precision }}, {{ scale }})
{%- endmacro %}
{#-
    Spark would round the decimal number that a double is shown as. DuckDB scales the double, adds a half away from zero and
    drops what is behind the point; so does this. A product of more than 38 digits would lose those after the point.
-#}
{% macro spark__decimal_from_double(expression, precision, scale) -%}
    {%- set scaled = "(" ~ expression ~ ") * 1e" ~ scale -%}
    {%- set moved = "(abs(" ~ scaled ~ ") + 0.5d)" -%}
    {%- set digits = [precision, 37 - scale] | min -%}
    {%- set unit = "1e-" ~ scale ~ "bd" -%}
    ((signum({{ scaled }}) * ({{ moved }} - {{ moved }} % 1))::decimal({{ digits }}, 0) * {{ unit }})::decimal(
        {{ precision }}, {{ scale }}
    )
{%- endmacro %}
