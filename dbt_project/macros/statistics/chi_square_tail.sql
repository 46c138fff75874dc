{#-
    The probability that a chi-square variable of so many degrees of freedom, 1 to `most`, is at least `statistic`: the
    closed forms of Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.4.4 and 26.4.5, with erfc by
    7.1.26, which is right to 1.5e-7. Null for more degrees of freedom.

    `statistic`: expression, as double, 0 or more; `degrees`: expression, whole number.
-#}
{% macro chi_square_tail(statistic, degrees, most=9) -%}
    {%- set half = "(0.5 * " ~ statistic ~ ")" -%}
    {%- set t = "(1 / nullif(1 + 0.3275911 * sqrt(" ~ half ~ "), 0))" -%}
    case
        {{ degrees }}
        {%- for count in range(1, most + 1) %}
            when {{ count }}
            then
                exp(- {{ half }}) * (
                    {%- if count % 2 == 1 -%}
                        {{ t }} * (
                            0.254829592
                            + {{ t }}
                            * (
                                -0.284496736
                                + {{ t }} * (1.421413741 + {{ t }} * (-1.453152027 + {{ t }} * 1.061405429))
                            )
                        )
                        {%- set gamma = namespace(value=0.886226925452758) -%}
                        {%- for step in range(1, (count - 1) // 2 + 1) %}
                            + {{ 1 / gamma.value }} * power({{ half }}, {{ step - 0.5 }})
                            {%- set gamma.value = gamma.value * (step + 0.5) -%}
                        {%- endfor -%}
                    {%- else -%}
                        1
                        {%- set factorial = namespace(value=1.0) -%}
                        {%- for step in range(1, count // 2) %}
                            {%- set factorial.value = factorial.value * step %}
                            + {{ 1 / factorial.value }} * power({{ half }}, {{ step }})
                        {%- endfor -%}
                    {%- endif -%}
                )
        {%- endfor %}
    end
{%- endmacro %}
