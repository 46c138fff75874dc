{#-
    The 95 % interval of a share of people (Wilson, JASA 22, 1927), as two columns `<name>_lower` and `<name>_upper`: what
    the share of many more people like these may well be. It stays within 0 and 1, and is not of width 0 where all or none
    of a few did something, as the usual plus-minus is. Null where there is nobody.

    `count` of `total`: columns of whole numbers, count at most total. To 6 decimals, so that an end of 0 or 1 is exact.
-#}
{% macro wilson_interval(count, total, name) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set square = z * z -%}
    {%- set spread -%}
        {{ z }} * sqrt({{ count }}::double * greatest({{ total }} - {{ count }}, 0) / nullif({{ total }}, 0) + {{ square / 4 }})
    {%- endset -%}
    abs(
        round(({{ count }} + {{ square / 2 }} - {{ spread }}) / nullif({{ total }} + {{ square }}, 0), 6)
    ) as {{ name }}_lower,
    round(
        ({{ count }} + {{ square / 2 }} + {{ spread }}) / nullif({{ total }} + {{ square }}, 0), 6
    ) as {{ name }}_upper
{%- endmacro %}
