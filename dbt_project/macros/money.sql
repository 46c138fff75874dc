{#- The type of every amount: four decimals hold a price of a tenth of a cent and the three decimals of KWD. -#}
{% macro money(expression) -%} ({{ expression }})::decimal(18, 4) {%- endmacro %}
