{#- The ids by which a platform recognises a click on it again, as `attributes` of an activity names them. -#}
{% macro click_id_names() -%} {{ return(["ctwa_clid", "fbclid", "gclid", "ttclid", "lead_id"]) }} {%- endmacro %}

{#- JSON text of ids of a click, for `click_ids` of the canonical entities; null where there is none. -#}
{% macro click_ids(pairs) -%}
    {%- for name in pairs if name not in click_id_names() -%}
        {%- do exceptions.raise_compiler_error(
            "click_ids: " ~ name ~ " is none of " ~ click_id_names() | join(", ") ~ "."
        ) -%}
    {%- endfor -%}
    case when coalesce({{ pairs.values() | join(", ") }}) is not null then {{ json_attributes(pairs) }} end
{%- endmacro %}

{#- The attributes of an activity with the ids of its click among them. Both are JSON objects or null. -#}
{% macro with_click_ids(attributes, click_ids) -%}
    case
        when {{ click_ids }} is null
        then {{ attributes }}
        when coalesce({{ attributes }}, '{}') = '{}'
        then {{ click_ids }}
        else substr({{ attributes }}, 1, length({{ attributes }}) - 1) || ',' || substr({{ click_ids }}, 2)
    end
{%- endmacro %}

{#- The attributes of an activity as they were before ids of a click came to stand at their end. -#}
{% macro without_click_ids(attributes, click_ids) -%}
    case
        when {{ click_ids }} is null
        then {{ attributes }}
        when {{ attributes }} <> {{ click_ids }}
        then substr({{ attributes }}, 1, length({{ attributes }}) - length({{ click_ids }})) || '}'
    end
{%- endmacro %}
