{#-
    How many standard errors to either side make a 95 % interval of a mean, at so many degrees of freedom (an expression, as
    double): Student's quantile by the expansion of Abramowitz and Stegun 26.7.5, right to 0.0001 from 20 degrees on.
-#}
{% macro student_quantile(degrees) -%}
    {%- set z = 1.959963984540054 -%}
    (
        {{ z }}
        + {{ (z**3 + z) / 4 }} * power({{ degrees }}, -1)
        + {{ (5 * z**5 + 16 * z**3 + 3 * z) / 96 }} * power({{ degrees }}, -2)
        + {{ (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 }} * power({{ degrees }}, -3)
    )
{%- endmacro %}
