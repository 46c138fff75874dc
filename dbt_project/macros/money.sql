{#- The type of every amount: four decimals hold a price of a tenth of a cent and the three decimals of KWD. -#}
{% macro money(expression) -%} ({{ expression }})::decimal(18, 4) {%- endmacro %}

{#-
    An amount times a rate or share (an expression, as double); null where either is, or where the result has more digits
    than an amount may have: such an amount stands in ops.money_without_rate and in no sum.
-#}
{% macro converted(amount, rate) -%}
    case when abs({{ amount }}::double * ({{ rate }})) < 1e13 then {{ money(amount ~ "::double * (" ~ rate ~ ")") }} end
{%- endmacro %}
