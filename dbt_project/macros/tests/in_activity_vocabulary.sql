{#- The column holds only activities of the closed vocabulary. -#}
{% test in_activity_vocabulary(model, column_name) %}

    select distinct {{ column_name }}
    from {{ model }}
    where {{ column_name }} not in ({{ quoted_list(activity_vocabulary()) }})

{% endtest %}
