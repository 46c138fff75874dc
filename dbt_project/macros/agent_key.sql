{#-
    Id of someone of the company who answers or owns contacts: a hash, because what agents have in common in all systems is
    their e-mail address, and where there is none, a system may know them by name.
-#}
{% macro agent_key(source_system, user_id, email="null") -%}
    {{
        surrogate_key(
            ["coalesce(lower(nullif(trim(" ~ email ~ "), '')), " ~ source_system ~ " || ':' || " ~ user_id ~ ")"]
        )
    }}
{%- endmacro %}
