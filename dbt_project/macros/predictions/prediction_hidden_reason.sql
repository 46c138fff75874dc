{#- Why a prediction is null: what the refresh says, or that it made none of this customer. -#}
{% macro prediction_hidden_reason(relation, column) -%}
    case
        when {{ relation }}.person_id is null
        then 'no prediction of this customer: not a customer at the last refresh, or none was made'
        else {{ relation }}.{{ column }}
    end
{%- endmacro %}
