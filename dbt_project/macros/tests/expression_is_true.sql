{#- A statement about each row, as SQL: rows for which it is not true fail. -#}
{% test expression_is_true(model, expression) %}

    select * from {{ model }} where not coalesce({{ expression }}, false)

{% endtest %}
