{#-
    Stop where the setting `activation` names a sink, stage, activity or rule that there is not: a spelling mistake would
    otherwise be something that is never told to anybody. A stage of a model that is not enabled is none, and not wrong.
-#}
{% macro refuse_unknown_activation(activation) -%}
    {%- if execute -%}
        {%- set where = "dbt_project.yml: vars: activation: " -%}
        {%- for setting in ["days_back", "click_days"] -%}
            {%- if activation[setting] is not integer or activation[setting] < 1 -%}
                {%- do exceptions.raise_compiler_error(where ~ setting ~ ": give whole days, at least 1") -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set ad_sinks, state_sinks = ["google_ads", "meta", "tiktok"], ["hubspot", "respond_io"] -%}
        {%- for sink in ad_sinks + state_sinks if sink not in activation["purposes"] -%}
            {%- do exceptions.raise_compiler_error(
                where ~ "purposes: say for what " ~ sink ~ " is told: advertising, marketing or service"
            ) -%}
        {%- endfor -%}
        {%- set told = [] -%}
        {%- for rule in activation["events"] -%}
            {%- set here = where ~ "events: " ~ rule.get("rule", "a rule without a name") ~ ": " -%}
            {%- for key in ["rule", "sink", "when", "event"] if key not in rule -%}
                {%- do exceptions.raise_compiler_error(here ~ "it lacks " ~ key) -%}
            {%- endfor -%}
            {%- if rule["sink"] not in ad_sinks -%}
                {%- do exceptions.raise_compiler_error(
                    here ~ rule["sink"] ~ " is no sink of events. Choose from: " ~ ad_sinks | join(", ")
                ) -%}
            {%- endif -%}
            {%- if (rule["sink"], rule["rule"]) in told -%}
                {%- do exceptions.raise_compiler_error(here ~ rule["sink"] ~ " has another rule of that name") -%}
            {%- endif -%}
            {%- do told.append((rule["sink"], rule["rule"])) -%}
            {%- set stage = modules.re.fullmatch("stage:([a-z0-9_]+)[.]([A-Za-z0-9_]+)", rule["when"]) -%}
            {%- if stage -%} {%- do refuse_unknown_stages(here ~ "when: ", stage[1], [stage[2]]) -%}
            {%- elif rule["when"] not in ["order", "refund"] + activity_vocabulary() -%}
                {%- do exceptions.raise_compiler_error(
                    here
                    ~ rule["when"]
                    ~ " is none of order, refund, stage:<model>.<stage> and the activities: "
                    ~ activity_vocabulary()
                    | join(", ")
                ) -%}
            {%- endif -%}
            {%- if rule["when"] == "refund" and rule["sink"] != "google_ads" -%}
                {%- do exceptions.raise_compiler_error(
                    here
                    ~ rule["sink"]
                    ~ " takes no adjustment of what it was told: a refund cannot be told to it"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for rule in activation["events"] if rule["when"] == "refund" -%}
            {%- set orders = [] -%}
            {%- for other in activation["events"] if other["sink"] == rule["sink"] and other["when"] == "order" -%}
                {%- do orders.append(other["rule"]) -%}
            {%- endfor -%}
            {%- if rule.get("adjusts") not in orders -%}
                {%- do exceptions.raise_compiler_error(
                    where
                    ~ "events: "
                    ~ rule["rule"]
                    ~ ": adjusts: write which rule of its sink told the order: "
                    ~ orders
                    | join(", ")
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for sink, state in activation["states"].items() -%}
            {%- if sink not in state_sinks -%}
                {%- do exceptions.raise_compiler_error(
                    where ~ "states: " ~ sink ~ " takes no state. Choose from: " ~ state_sinks | join(", ")
                ) -%}
            {%- endif -%}
            {%- do refuse_unknown_stages(
                where ~ "states: " ~ sink ~ ": stages: ",
                state["lifecycle_model"],
                state["stages"].keys() | list,
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro refuse_unknown_stages(where, model, stages) -%}
    {%- if model in var("lifecycle_models") -%}
        {%- set known = lifecycle_definition(model).stages | map(attribute="key") | list -%}
        {%- for stage in stages if stage not in known -%}
            {%- do exceptions.raise_compiler_error(
                where ~ stage ~ ": the stage model " ~ model ~ " has the stages " ~ known | join(", ")
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
