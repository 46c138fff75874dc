{#- Why a prediction is null: the refresh's reason, or that it made none for this customer (`made` is null). -#}
{% macro prediction_hidden_reason(relation, column, made="person_id") -%}
    case
        when {{ relation }}.{{ made }} is null
        then 'no prediction of this customer: not a customer at the last refresh, or none was made'
        else {{ relation }}.{{ column }}
    end
{%- endmacro %}
