{#- Runs many generic tests with one query a table, where dbt would need a node for each, and logs the ids of those that
    found nothing. What else is to be said of a test, such as how many rows fail and at which severity, dbt says.
    tables: relation to the ids of its tests, which must have no configuration of their own. -#}
{% macro checked_together(tables) %}
    {% for relation, ids in tables.items() %}
        {% set queries = [] %}
        {% for id in ids %}
            {% set arguments = {} %}
            {% for name, value in graph.nodes[id].test_metadata.kwargs.items() if name != "model" %}
                {% set is_relation = value is string and value.startswith(("ref(", "source(")) %}
                {% do arguments.update({name: render("{{ " ~ value ~ " }}") if is_relation else value}) %}
            {% endfor %}
            {% set failing_rows = context["test_" ~ graph.nodes[id].test_metadata.name](model=relation, **arguments) %}
            {% do queries.append(
                "select '"
                ~ id
                ~ "' as id from (select count(*) as failures from ("
                ~ failing_rows
                ~ ") as failing) as t where failures = 0"
            ) %}
        {% endfor %}
        {% do log(
            tojson({"passed_together": run_query(queries | join("\nunion all\n")).columns[0].values() | list})
        ) %}
    {% endfor %}
{% endmacro %}
