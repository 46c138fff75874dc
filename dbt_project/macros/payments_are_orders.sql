{#-
    Whether a payment that a system tells of without an order is one of its own (`stripe_payments_are_orders`).
    `is_alone`: condition under which no other system tells of orders.
-#}
{% macro payments_are_orders(is_alone) -%}
    {%- set setting = var("stripe_payments_are_orders") -%}
    {%- if setting not in (true, false, "auto") -%}
        {%- do exceptions.raise_compiler_error(
            "stripe_payments_are_orders=" ~ setting ~ " in dbt_project.yml: write true, false or auto."
        ) -%}
    {%- endif -%}
    {{ is_alone if setting == "auto" else setting | lower }}
{%- endmacro %}
