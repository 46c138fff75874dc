{#- The column tells the rows apart: it is never null, and no value occurs twice. One query, where two tests are two. -#}
{% test row_key(model, column_name) %}

    select {{ column_name }}, count(*) as occurrences
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null

{% endtest %}
