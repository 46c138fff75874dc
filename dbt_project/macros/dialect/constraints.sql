{#-
    What a contract says is never null. DuckDB refuses such a row when it is written; Parquet has no such constraint, so on
    Spark the table is asked once it is written, and the model fails.
-#}
{% macro spark__persist_constraints(relation, model) -%}
    {%- set names = [] -%}
    {%- if model.config.contract.enforced -%}
        {%- for column in model.columns.values() if "not_null" in column.constraints | map(attribute="type") -%}
            {%- do names.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if names and execute -%}
        {%- set counts = [] -%}
        {%- for name in names -%} {%- do counts.append("count_if(" ~ name ~ " is null) as " ~ name) -%} {%- endfor -%}
        {%- set found = run_query("select " ~ counts | join(", ") ~ " from " ~ relation).rows[0] -%}
        {%- for name in names -%}
            {%- if found[loop.index0] -%}
                {%- do exceptions.raise_compiler_error(
                    relation
                    ~ ": "
                    ~ found[loop.index0]
                    ~ " rows have no "
                    ~ name
                    ~ ", which its contract asks for"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
