{#- The columns together occur once; nulls count as equal. -#}
{% test unique_combination(model, columns) %}

    select {{ columns | join(", ") }}, count(*) as occurrences
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1

{% endtest %}
