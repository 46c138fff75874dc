{#-
    Converts an amount in the smallest unit of its currency, as payment systems count it, to money: most currencies have
    two decimals, some none or three. ISK and UGX have none, but Stripe keeps counting them in hundredths.
-#}
{% macro major_units(amount, currency) -%}
    {%- set without_decimals = [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ] -%}
    {%- set with_three_decimals = ["BHD", "JOD", "KWD", "OMR", "TND"] -%}
    case
        when upper({{ currency }}) in ({{ quoted_list(without_decimals) }})
        then {{ money(amount) }}
        when upper({{ currency }}) in ({{ quoted_list(with_three_decimals) }})
        then {{ money("(" ~ amount ~ ")::decimal(18, 4) * 0.001") }}
        else {{ money("(" ~ amount ~ ")::decimal(18, 4) * 0.01") }}
    end
{%- endmacro %}
