{#-
    Whether a payment that a system reports without an order counts as an order (`stripe_payments_are_orders`).
    `is_alone`: condition under which no other system reports orders.
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
