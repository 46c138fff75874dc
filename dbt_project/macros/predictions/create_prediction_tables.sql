{#-
    The tables of the source `predictions`, as its YAML declares them: missing ones are created empty, missing columns
    are added. The refresh fills them between two runs of dbt; whoever runs dbt alone has them without rows.
-#}
{% macro create_prediction_tables() -%}
    {%- if execute -%}
        {%- for table in graph.sources.values() | selectattr("source_name", "equalto", "predictions") -%}
            {%- set relation = api.Relation.create(
                database=table.database, schema=table.schema, identifier=table.identifier
            ) -%}
            {%- set existing = adapter.get_relation(table.database, table.schema, table.identifier) -%}
            {%- if existing is none -%}
                {%- do adapter.create_schema(relation) -%}
                {%- set columns = [] -%}
                {%- for column in table.columns.values() -%}
                    {%- do columns.append(adapter.quote(column.name) ~ " " ~ column.data_type) -%}
                {%- endfor -%}
                {%- do run_query("create table " ~ relation ~ " (" ~ columns | join(", ") ~ ")") -%}
            {%- else -%}
                {%- set known = adapter.get_columns_in_relation(existing) | map(attribute="name") | list -%}
                {%- set missing = table.columns.values() | rejectattr("name", "in", known) | list -%}
                {%- for column in missing -%}
                    {%- do run_query(
                        "alter table "
                        ~ relation
                        ~ " add column "
                        ~ adapter.quote(column.name)
                        ~ " "
                        ~ column.data_type
                    ) -%}
                {%- endfor -%}
                {#- dbt rolls back what a hook does by itself; it commits after this. -#}
                {%- if missing -%} {%- do adapter.create_schema(relation) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
