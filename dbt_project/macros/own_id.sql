{#-
    An id of a vendor's record. Several accounts of one vendor share its raw tables, so an account's name is put in
    front of its ids: equal ids of two shops never meet. Ids of the account without a name stay as they are.
-#}
{% macro own_id(column, account="source_account") -%}
    coalesce(nullif({{ account }}, '') || ':', '') || {{ column }}
{%- endmacro %}

{#- The same for several ids in one text. -#}
{% macro own_ids(column, separator, account="source_account") -%}
    case
        when coalesce({{ account }}, '') = ''
        then {{ column }}
        else {{ account }} || ':' || replace({{ column }}, '{{ separator }}', '{{ separator }}' || {{ account }} || ':')
    end
{%- endmacro %}
