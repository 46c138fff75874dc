{#- An id in a file. It holds in every mapping of one company, which is named after its first mapping. -#}
{% macro file_id(column) -%} coalesce(company, mapping) || ':' || {{ column }} {%- endmacro %}

{#- The id of another record, as a row of a file names it; null where the value stands for nobody. -#}
{% macro file_reference(column) -%}
    {%- set nobody = "^ *([0.#?-]*|NULL|NONE|NAN|N/?A|GUEST|ANONYMOUS|UNKNOWN|UNDEFINED) *$" -%}
    case when {{ replace_matches("upper(" ~ column ~ ")", nobody, "") }} <> '' then {{ file_id(column) }} end
{%- endmacro %}

{#-
    A record in several mappings of a company counts once: as in the mapping whose record has the latest instant, or
    else in the one whose name comes last. `instants`: columns.
-#}
{% macro once_a_company(columns, instants=()) -%}
    row_number() over (
        partition by coalesce(company, mapping), {{ columns | join(", ") }}
        order by
            {% if instants | length > 1 -%} greatest({{ instants | join(", ") }}) desc nulls last,
            {%- elif instants -%} {{ instants[0] }} desc nulls last,
            {%- endif %} mapping desc nulls last
    )
    = 1
{%- endmacro %}
