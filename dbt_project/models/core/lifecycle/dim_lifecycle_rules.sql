{%- set rows = [] -%}
{%- for name in lifecycle_model_names(proposals=false) -%}
    {%- if execute -%}
        {%- for rule in lifecycle_definition(name).rules -%}
            {%- do rows.append([name, rule.key, lifecycle_rule_text(rule)]) -%}
        {%- endfor -%}
    {%- else -%} {%- do rows.append(["", "", ""]) -%}
    {%- endif -%}
{%- endfor -%}
with
    rules as (
        {% for row in rows %}
            select
                {{ quoted(row[0]) }} as lifecycle_model,
                {{ quoted(row[1]) }} as rule,
                {{ quoted(row[2]) }} as rule_text
                {{ "union all" if not loop.last }}
        {% endfor %}
    )

select *
from rules
