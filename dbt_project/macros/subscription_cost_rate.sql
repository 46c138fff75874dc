{#-
    What serving a subscription costs, as a share of its revenue in 0..1: LIFECYCLE_SUBSCRIPTION_COST_RATE, null where
    unset. `dagster_project/environment.py` refuses the same values before a refresh starts.
-#}
{% macro subscription_cost_rate() -%}
    {%- set setting = (env_var("LIFECYCLE_SUBSCRIPTION_COST_RATE", "") if execute else "").strip() -%}
    {%- if setting and not modules.re.fullmatch("0|1|1\\.0+|0?\\.[0-9]+", setting) -%}
        {%- do exceptions.raise_compiler_error(
            "LIFECYCLE_SUBSCRIPTION_COST_RATE='"
            ~ setting
            ~ "': write a share from 0 to 1, such as 0.2, or nothing "
            ~ "where it is not known."
        ) -%}
    {%- endif -%}
    ({{ setting or "null" }})::double
{%- endmacro %}
