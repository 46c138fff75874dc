{#
  An incremental model on Spark. Plain Parquet cannot change rows, so the table is written anew beside the old one: its rows
  whose `unique_key` is not among the new rows, and the new rows that `incremental_predicates` let pass. What it costs is
  reading and writing the table, not finding out again what it holds.

  The new table takes the place of the old one by its name. `take_finished_replacements` ends what was cut short there.
#}
{% materialization incremental, adapter = "spark" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="table") -%}

    {{ run_hooks(pre_hooks) }}

    {% if existing is none or existing.is_view or should_full_refresh() %}
        {% if existing is not none %} {% do adapter.drop_relation(existing) %} {% endif %}
        {% call statement("main") %} {{ create_table_as(False, target_relation, compiled_code) }} {% endcall %}
    {% else %}
        {%- set new_rows = replacement_of(target_relation, "__new_rows") -%}
        {%- set replacement = replacement_of(target_relation, "__replacement") -%}
        {% for leftover in [new_rows, replacement] %} {% do adapter.drop_relation(leftover) %}
        {% endfor %}
        {% call statement("new_rows") %} {{ create_table_as(False, new_rows, compiled_code) }}
        {% endcall %}
        {% call statement("main") %}
            create table {{ replacement }} as {{ replaced_rows_sql(existing, new_rows) }}
        {% endcall %}
        {% do adapter.drop_relation(existing) %}
        {% do adapter.rename_relation(replacement, target_relation) %}
        {% do adapter.drop_relation(new_rows) %}
    {% endif %}

    {% do persist_docs(target_relation, model) %}
    {% do persist_constraints(target_relation, model) %}
    {{ run_hooks(post_hooks) }}

    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{% macro replacement_of(relation, suffix) -%}
    {{ return(relation.incorporate(path={"identifier": relation.identifier ~ suffix}, type="table")) }}
{%- endmacro %}

{#- Rows that stay and rows that are new, in the columns of the new ones. -#}
{% macro replaced_rows_sql(existing, new_rows) -%}
    {%- set unique_key = config.require("unique_key") -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
    {%- set predicates = config.get("incremental_predicates") or ["true"] -%}
    {%- set known = adapter.get_columns_in_relation(existing) | map(attribute="name") | list -%}
    {%- set columns = adapter.get_columns_in_relation(new_rows) -%}
    select
    {%- for column in columns %}
        {{ column.name if column.name in known else "cast(null as " ~ column.dtype ~ ")" }} as {{ column.name }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from {{ existing }} as existing
    left anti join
    {{ new_rows }} as new_rows
        on {% for key in keys %} new_rows.{{ key }} <=> existing.{{ key }} {{ "and" if not loop.last }} {% endfor %}
    union all
    select {{ columns | map(attribute="name") | join(", ") }}
    from {{ new_rows }}
    where {{ predicates | join(" and ") }}
{%- endmacro %}

{#- Before a run: a replacement whose old table is gone is the table. -#}
{% macro take_finished_replacements() -%}
    {%- if execute and target.type == "spark" -%}
        {%- for node in graph.nodes.values() if node.config.materialized == "incremental" -%}
            {%- set table = api.Relation.create(schema=node.schema, identifier=node.alias, type="table") -%}
            {%- set replacement = replacement_of(table, "__replacement") -%}
            {%- set is_gone = load_cached_relation(table) is none -%}
            {%- if is_gone and load_cached_relation(replacement) is not none -%}
                {%- do adapter.rename_relation(replacement, table) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
