{#-
    How much of the money moved (sales and refunds, as positive amounts) has a known cost, in 0..1; null where none moved.
-#}
{% macro known_cost_rate(turnover, unknown) -%}
    (1 - {{ unknown }}::double / nullif({{ turnover }}::double, 0))
{%- endmacro %}

{#-
    A sum of margins as it may be shown: null if too much of what it sums up has no known cost. Below that limit, what
    has no known cost adds no margin.
-#}
{% macro margin_where_known(margin, turnover, unknown) -%}
    case when {{ known_cost_rate(turnover, unknown) }} >= {{ var("known_cost_rate_minimum") }} then {{ margin }} end
{%- endmacro %}
