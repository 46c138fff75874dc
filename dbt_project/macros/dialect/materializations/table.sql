{#
  A table in one statement, in DuckDB. dbt's own way builds it beside the old one, renames both and drops one: six
  statements for each model of each night. The transaction around `create or replace` does the same: a reader sees the
  old rows or the new ones, and a model that fails leaves the old ones. Headers, partitions and sort orders, which no
  model here has, would need dbt's own way.
#}
{% materialization table, adapter = "duckdb" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set contract = config.get("contract") -%}

    {% if existing is not none and not existing.is_table %} {% do adapter.drop_relation(existing) %} {% endif %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if contract.enforced %} {{ get_assert_columns_equivalent(compiled_code) }} {% endif %}

    {% call statement("main") %}
        create or replace table {{ target_relation }}
        {% if contract.enforced %}
            {{ get_table_columns_and_constraints() }}
            ;
            insert into {{ target_relation }} {{ get_column_names() }} ({{ get_select_subquery(compiled_code) }});
        {% else %}
            as ({{ compiled_code }})
            ;
        {% endif %}
    {% endcall %}

    {% do create_indexes(target_relation) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}
