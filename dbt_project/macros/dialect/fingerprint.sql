{#- A hash of the given columns as a bigint, to tell a changed row from an unchanged one; null differs from empty text. -#}
{% macro row_fingerprint(columns) -%}
    {{ return(adapter.dispatch("row_fingerprint", "lifecycle")(columns)) }}
{%- endmacro %}
{#- The hash has 64 unsigned bits: the lowest is dropped, so that the rest fits a bigint. -#}
{% macro default__row_fingerprint(columns) -%} (hash({{ columns | join(", ") }}) >> 1)::bigint {%- endmacro %}
{#- xxhash64 skips nulls, so without a stand-in a value that moves to the next column would go unnoticed. -#}
{% macro spark__row_fingerprint(columns) -%}
    xxhash64(
        {%- for column in columns %}coalesce({{ column }}::string, '<null>'){{ ", " if not loop.last }}{%- endfor -%}
    )
{%- endmacro %}
