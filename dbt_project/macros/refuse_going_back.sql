{#-
    Stop where now lies before what a load has already called now: raw tables do not forget what is known since then. The
    refresh and every load ask the same before they start (`ingestion/warehouse.py`).
-#}
{% macro refuse_going_back() -%}
    {%- if execute -%}
        {%- set loads = [] -%}
        {%- for table in graph.sources.values() | selectattr("name", "equalto", "load_audit") -%}
            {%- set existing = adapter.get_relation(table.database, table.schema, table.identifier) -%}
            {%- if existing is not none -%}
                {%- set known = adapter.get_columns_in_relation(existing) | map(attribute="name") | list -%}
                {%- if "loaded_as_of" in known -%}
                    {%- do loads.append(
                        "select " ~ utc_timestamp("loaded_as_of") ~ " as loaded_as_of from " ~ existing
                    ) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if loads -%}
            {%- set latest = "max(loaded_as_of)" -%}
            {%- set found = run_query(
                "select " ~ latest ~ ", coalesce(" ~ latest ~ " > " ~ as_of() ~ ", false) from (" ~ loads
                | join(" union all ") ~ ") as loads"
            ).rows[0] -%}
            {%- if found[1] -%}
                {%- do exceptions.raise_compiler_error(
                    "now is "
                    ~ as_of()
                    ~ " in UTC, and the data were loaded as of "
                    ~ found[0]
                    ~ ": what is known since then cannot be forgotten."
                    " Fix: set LIFECYCLE_DATA_DIR to another folder to look at the past, or LIFECYCLE_AS_OF to a later instant."
                ) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
