{#-
    The records of all systems that provide a canonical entity, in its declared shape. This is the whole text of
    `int_<entity>__unioned`, whose columns, types and keys are declared in models/canonical/_entities.yml.

    A column that a system does not have is null in its rows. Ids that are declared `is_key` get the name of their
    system in front, so that those of two systems never meet. `record_key` names the contact record that a row belongs
    to: that of its `customer_id` or, where the entity has a `guest_type`, the row itself.
-#}
{% macro union_entity(entity) -%}
    {%- set systems = systems_with(entity) -%}
    {%- set declared = entity_columns() if execute else {} -%}
    {%- set meta = model.config.meta if execute else {} -%}
    with stacked as ({{ stack_by_name(entity, systems, declared) }})

    select
        source_system,
        {%- if meta.key %} {{ meta.key }} as source_record_id, {%- endif %}
        {%- if "customer_id" in declared %} {{ contact_of_row(declared, meta) }} as record_key, {%- endif %}
        {% for name, column in declared.items() -%}
            {%- if column.is_key -%} source_system || ':' || {{ name }} as {{ name }}
            {%- else -%} cast({{ name }} as {{ column.type }}) as {{ name }}
            {%- endif -%}
            {{ "," if not loop.last }}
        {% endfor %}
    from stacked
{%- endmacro %}

{#- The systems that have an entity, in the order of the list of sources. -#}
{% macro systems_with(entity) -%}
    {%- set systems = [] -%}
    {%- for system, entities in var("sources").items() if entity in entities -%}
        {%- do systems.append(system) -%}
    {%- endfor -%}
    {%- if not systems -%}
        {%- do exceptions.raise_compiler_error(
            "No system of `sources` in dbt_project.yml has the entity "
            ~ entity
            ~ ": add it to one, or delete int_"
            ~ entity
            ~ "__unioned."
        ) -%}
    {%- endif -%}
    {{ return(systems) }}
{%- endmacro %}

{#- Columns of the entity whose union is being built, as declared: name to SQL type and whether it is an id. -#}
{% macro entity_columns() -%}
    {%- set columns = {} -%}
    {%- for name, column in model.columns.items() -%}
        {%- set type = dbt.type_string() if column.data_type == "text" else column.data_type -%}
        {%- do columns.update({name: {"type": type, "is_key": column.config.meta.get("is_key", false)}}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- The key of the contact record that a row belongs to. -#}
{% macro contact_of_row(declared, meta) -%}
    {%- set type = (
        "coalesce(customer_record_type, 'customer')" if "customer_record_type" in declared else "'customer'"
    ) -%}
    {%- set addresses = ["email", "phone"] | select("in", declared) | list %}
    {%- set has_address = (
        "true" if meta.is_guest_without_address else "coalesce(" ~ addresses | join(", ") ~ ") is not null"
    ) %}
    case
        when customer_id is not null
        then {{ record_key("source_system", type, "customer_id") }}
        {% if meta.guest_type -%}
            when {{ has_address }} then {{ record_key("source_system", "'" ~ meta.guest_type ~ "'", meta.key) }}
        {%- endif %}
    end
{%- endmacro %}

{#- The rows of all systems, matched by the names of their columns; a column that a system lacks is null. -#}
{% macro stack_by_name(entity, systems, declared) -%}
    {{ return(adapter.dispatch("stack_by_name")(entity, systems, declared)) }}
{%- endmacro %}

{% macro duckdb__stack_by_name(entity, systems, declared) -%}
    select
        cast(null as {{ dbt.type_string() }}) as source_system
        {%- for name, column in declared.items() %}, cast(null as {{ column.type }}) as {{ name }} {%- endfor %}
    where false
    {%- for system in systems %}
        union all by name
        select '{{ system }}' as source_system, *
        from {{ ref(system ~ "__" ~ entity) }}
    {%- endfor %}
{%- endmacro %}

{#- Where SQL cannot match by name, the columns of each system's relation are looked up: there it has to be a view. -#}
{% macro default__stack_by_name(entity, systems, declared) -%}
    {%- for system in systems %}
        {%- set relation = ref(system ~ "__" ~ entity) -%}
        {%- set found = (
            adapter.get_columns_in_relation(relation) | map(attribute="name") | map("lower") | list
            if execute
            else []
        ) %}
        select
            '{{ system }}' as source_system
            {%- for name, column in declared.items() %}
                , {{ name if name in found else "cast(null as " ~ column.type ~ ")" }} as {{ name }}
            {%- endfor %}
        from {{ relation }} {{ "union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}
