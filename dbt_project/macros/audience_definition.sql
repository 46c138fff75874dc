{#-
    What the YAML of an audience says about it in `meta`, checked: a mistake would otherwise be an audience that nobody
    is in, or an action without end. `consent_channel` is added: the channel under which `dim_permissions` knows it.
-#}
{% macro audience_definition(name) -%}
    {%- set node = graph.nodes["model.lifecycle.aud_" ~ name] -%}
    {%- set file = node.patch_path.split("://") | last if node.patch_path else node.original_file_path -%}
    {%- set where = "dbt_project/" ~ file ~ ": aud_" ~ name ~ ": meta: " -%}
    {%- set meta = node.config.meta -%}
    {%- set keys = [
        "label_en",
        "label_fr",
        "action_en",
        "action_fr",
        "entity",
        "owner",
        "purpose",
        "channel",
        "priority",
        "cool_down_days",
        "expiry_days",
    ] -%}
    {%- for key in keys if key not in meta -%}
        {%- do exceptions.raise_compiler_error(where ~ "add `" ~ key ~ "`; an audience says " ~ keys | join(", ")) -%}
    {%- endfor -%}
    {%- for key in meta if key not in keys -%}
        {%- do exceptions.raise_compiler_error(
            where ~ "take `" ~ key ~ "` out; an audience says " ~ keys | join(", ")
        ) -%}
    {%- endfor -%}
    {%- if meta.entity not in ["person", "account"] -%}
        {%- do exceptions.raise_compiler_error(where ~ "entity is person or account") -%}
    {%- endif -%}
    {%- for key in ["priority", "cool_down_days", "expiry_days"] if meta[key] is not integer or meta[key] < 1 -%}
        {%- do exceptions.raise_compiler_error(where ~ key ~ " is a whole number, at least 1") -%}
    {%- endfor -%}
    {%- if meta.cool_down_days < meta.expiry_days -%}
        {%- do exceptions.raise_compiler_error(
            where
            ~ "cool_down_days is at least expiry_days, or the action would come again before it has ended"
        ) -%}
    {%- endif -%}
    {%- if meta.purpose not in var("consents") -%}
        {%- do exceptions.raise_compiler_error(where ~ "purpose is one of " ~ var("consents") | join(", ")) -%}
    {%- endif -%}
    {%- set channels = var("consents")[meta.purpose].channels -%}
    {%- set consent_channel = meta.channel if meta.channel in channels else "all" -%}
    {%- if consent_channel not in channels -%}
        {%- do exceptions.raise_compiler_error(
            where ~ "for " ~ meta.purpose ~ ", channel is one of " ~ channels | join(", ")
        ) -%}
    {%- endif -%}
    {{ return(dict(meta, name=name, consent_channel=consent_channel)) }}
{%- endmacro %}
