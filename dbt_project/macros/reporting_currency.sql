{#- The currency that every `_amount_reporting` column is in: LIFECYCLE_REPORTING_CURRENCY, EUR where unset. -#}
{% macro reporting_currency() -%}
    '{{ (env_var("LIFECYCLE_REPORTING_CURRENCY", "") if execute else "") or "EUR" }}'
{%- endmacro %}
