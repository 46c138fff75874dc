{#-
    Each event of `meta_claimed_events` with each kind of conversion that it is set against. A kind that `attribution`
    does not count would be one that nobody is ever credited with.
-#}
{% macro compared_claims() -%}
    {%- set pairs = [] -%}
    {%- for event, kinds in var("meta_claimed_events").items() -%}
        {%- for kind in kinds -%}
            {%- if kind not in var("attribution")["conversions"] -%}
                {%- do exceptions.raise_compiler_error(
                    "dbt_project.yml: vars: meta_claimed_events: "
                    ~ event
                    ~ ": "
                    ~ kind
                    ~ " is no kind of conversion of attribution, which has "
                    ~ var("attribution")["conversions"]
                    | join(", ")
                ) -%}
            {%- endif -%}
            {%- do pairs.append((event, kind)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(pairs) }}
{%- endmacro %}
