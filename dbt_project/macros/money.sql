{#- The type of every amount: four decimals hold a price of a tenth of a cent and the three decimals of KWD. -#}
{% macro money(expression) -%} ({{ expression }})::decimal(18, 4) {%- endmacro %}

{#- An amount that was calculated as a double. -#}
{% macro money_from_double(expression) -%} {{ decimal_from_double(expression, 18, 4) }} {%- endmacro %}

{#-
    An amount times a rate or share (an expression, as double); null where either is null, or where the result has more
    digits than an amount may have: such an amount is listed in ops.money_without_rate and is in no sum.
-#}
{% macro converted(amount, rate) -%}
    case
        when abs({{ amount }}::double * ({{ rate }})) < 1e13
        then {{ money_from_double(amount ~ "::double * (" ~ rate ~ ")") }}
    end
{%- endmacro %}

{#-
    The part of an amount of an order that was received up to a payment (a row of int_order_payments__split), or before
    it, rounded on the running total; for an order that was paid at once it is all of it, and nothing before.
-#}
{% macro part_received(amount, payment, received) -%}
    case
        when {{ payment }}.order_id is null
        then {{ money("0") if received == "received_before" else amount }}
        when {{ payment }}.{{ received }} = {{ payment }}.total_amount
        then {{ amount }}
        else {{ converted(amount, payment ~ "." ~ received ~ "::double / " ~ payment ~ ".total_amount::double") }}
    end
{%- endmacro %}

{#- The difference of two running totals after both were converted, so that parts add up to the converted whole. -#}
{% macro converted_part(to_date, before, rate) -%}
    {{ money(converted(to_date, rate) ~ " - " ~ converted(before, rate)) }}
{%- endmacro %}
