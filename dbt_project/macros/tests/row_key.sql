{#- The column is a key: it is never null, and no value occurs twice. One query, where two tests would be two. -#}
{% test row_key(model, column_name) %}

    select {{ column_name }}, count(*) as occurrences
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null

{% endtest %}
