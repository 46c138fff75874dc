{#-
    An id of a vendor's record. Several accounts of one vendor share its raw tables: the name of an account stands in front
    of its ids, so that equal ids of two shops never meet. The account that has no name leaves them as they are.
-#}
{% macro own_id(column, account="source_account") -%}
    coalesce(nullif({{ account }}, '') || ':', '') || {{ column }}
{%- endmacro %}

{#- The same of several ids in one text. -#}
{% macro own_ids(column, separator, account="source_account") -%}
    case
        when coalesce({{ account }}, '') = ''
        then {{ column }}
        else {{ account }} || ':' || replace({{ column }}, '{{ separator }}', '{{ separator }}' || {{ account }} || ':')
    end
{%- endmacro %}
