{#-
    Refuses an enabled stage model that makes no sense. `node`: any model, as dbt knows it while it parses; its YAML is
    known as soon as dbt has read it.
-#}
{% macro refuse_wrong_stage_model(node) -%}
    {%- set prefix = "int_lifecycle__" -%}
    {%- if node.resource_type == "model" and node.name.startswith(prefix) and node.config.meta.get("lifecycle") -%}
        {%- set name = node.name.removeprefix(prefix) -%}
        {%- if name in var("lifecycle_models") + var("lifecycle_proposals") -%}
            {%- do validate_lifecycle_model(
                node.config.meta.lifecycle, modules.re.sub("sql$", "yml", node.original_file_path), name
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#-
    Refuses a stage model that makes no sense, naming file, rule and the fix, before any SQL runs. `definition`: the
    mapping under `config.meta.lifecycle` of the model's YAML. `file`: where that is. `name`: the part of the dbt
    model's name after `int_lifecycle__`.
-#}
{% macro validate_lifecycle_model(definition, file, name) -%}
    {%- for key in ["model", "entity", "labels", "stages", "rules"] -%}
        {%- if not definition.get(key) -%}
            {%- do lifecycle_error(
                file, "the model", "`" ~ key ~ "` is missing", "add it under config.meta.lifecycle"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do lifecycle_known_keys(
        file, "the model", definition, ["model", "proposes", "entity", "labels", "stages", "rules"]
    ) -%}
    {%- if definition.model != name -%}
        {%- do lifecycle_error(
            file,
            "the model",
            "it is called `" ~ definition.model ~ "` and its dbt model int_lifecycle__" ~ name,
            "write `model: " ~ name ~ "`, or rename the files and the dbt model",
        ) -%}
    {%- endif -%}
    {%- if definition.get("proposes") is none -%}
        {%- if name in var("lifecycle_proposals") -%}
            {%- do lifecycle_error(
                file,
                "the model",
                "lifecycle_proposals in dbt_project.yml names it, and it proposes nothing",
                "add `proposes` with the model that it would replace, or move its name to lifecycle_models",
            ) -%}
        {%- endif -%}
    {%- else -%}
        {%- if definition.proposes not in var("lifecycle_models") -%}
            {%- do lifecycle_error(
                file,
                "the model",
                "it proposes another `" ~ definition.proposes ~ "`, which is not an enabled model beside it",
                "choose from lifecycle_models in dbt_project.yml: " ~ var("lifecycle_models") | join(", "),
            ) -%}
        {%- endif -%}
        {%- if name in var("lifecycle_models") -%}
            {%- do lifecycle_error(
                file,
                "the model",
                "it proposes to replace `"
                ~ definition.proposes
                ~ "`, and lifecycle_models in dbt_project.yml names it",
                "move its name to lifecycle_proposals, or remove `proposes`",
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if definition.entity not in ["person", "account"] -%}
        {%- do lifecycle_error(
            file, "the model", "entity `" ~ definition.entity ~ "` is unknown", "write person or account"
        ) -%}
    {%- endif -%}

    {%- set stage_kinds = {} -%}
    {%- for stage in definition.stages -%}
        {%- set place = "stage " ~ stage.get("key", loop.index) -%}
        {%- do lifecycle_known_keys(file, place, stage, ["key", "kind", "labels", "means"]) -%}
        {%- if not stage.get("key") -%}
            {%- do lifecycle_error(file, place, "it has no key", "give it a short name in lower_case") -%}
        {%- endif -%}
        {%- if stage.key in stage_kinds -%}
            {%- do lifecycle_error(file, place, "the key stands twice", "rename or remove one of them") -%}
        {%- endif -%}
        {%- if stage.get("kind") not in ["active", "lost"] -%}
            {%- do lifecycle_error(
                file, place, "kind `" ~ stage.get("kind") ~ "` is unknown", "write active or lost"
            ) -%}
        {%- endif -%}
        {%- do lifecycle_labels(file, place, stage) -%}
        {%- do stage_kinds.update({stage.key: stage.kind}) -%}
    {%- endfor -%}
    {%- do lifecycle_labels(file, "the model", definition) -%}

    {%- set timer_keys = definition.rules | selectattr("after_days", "defined") | map(attribute="key") | list -%}
    {%- set known_measures = lifecycle_measures() -%}
    {%- set rule_keys = [] -%}
    {%- for rule in definition.rules -%}
        {%- set place = "rule " ~ rule.get("key", loop.index) -%}
        {%- do lifecycle_known_keys(
            file,
            place,
            rule,
            ["key", "when", "after_days", "since", "without", "if", "then", "stage", "reason", "priority"],
        ) -%}
        {%- if not rule.get("key") -%}
            {%- do lifecycle_error(file, place, "it has no key", "give it a short name in lower_case") -%}
        {%- endif -%}
        {%- if rule.key in rule_keys -%}
            {%- do lifecycle_error(file, place, "the key stands twice", "rename or remove one of them") -%}
        {%- endif -%}
        {%- do rule_keys.append(rule.key) -%}

        {%- if (rule.get("when") is none) == (rule.get("after_days") is none) -%}
            {%- do lifecycle_error(
                file, place, "a rule has either `when` or `after_days`", "keep one: an activity, or a timer"
            ) -%}
        {%- endif -%}
        {%- if rule.get("when") is none -%}
            {%- if rule.after_days is not integer or rule.after_days <= 0 -%}
                {%- do lifecycle_error(
                    file, place, "after_days is not a whole number above 0", "write the days, such as 14"
                ) -%}
            {%- endif -%}
            {%- if not rule.get("since") or rule.get("without") is none -%}
                {%- do lifecycle_error(
                    file,
                    place,
                    "a timer needs `since` and `without`",
                    "list the activities that start and that stop it",
                ) -%}
            {%- endif -%}
        {%- endif -%}
        {%- for field in ["when", "since", "without"] -%}
            {%- for activity in rule.get(field) or [] -%}
                {%- set is_timer = field == "since" and activity in timer_keys -%}
                {%- if activity not in activity_vocabulary() and not is_timer -%}
                    {%- do lifecycle_error(
                        file,
                        place,
                        "activity `" ~ activity ~ "` in `" ~ field ~ "` is unknown",
                        "choose from: " ~ activity_vocabulary()
                        | join(", ") ~ ("; or the key of another timer" if field == "since" else ""),
                    ) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}

        {%- if rule.get("then") not in ["advance", "set", "lose", "clear"] -%}
            {%- do lifecycle_error(
                file,
                place,
                "`then: " ~ rule.get("then") ~ "` is unknown",
                "write advance, set, lose or clear",
            ) -%}
        {%- endif -%}
        {%- if rule.then == "clear" -%}
            {%- if rule.get("stage") -%}
                {%- do lifecycle_error(file, place, "`clear` leaves the funnel and has no stage", "remove `stage`") -%}
            {%- endif -%}
        {%- elif rule.get("stage") not in stage_kinds -%}
            {%- do lifecycle_error(
                file,
                place,
                "stage `" ~ rule.get("stage") ~ "` is unknown",
                "choose from: " ~ stage_kinds.keys() | join(", "),
            ) -%}
        {%- elif rule.then == "advance" and stage_kinds[rule.stage] != "active" -%}
            {%- do lifecycle_error(
                file, place, "it advances to the lost stage " ~ rule.stage, "write `then: lose`"
            ) -%}
        {%- elif rule.then == "lose" and stage_kinds[rule.stage] != "lost" -%}
            {%- do lifecycle_error(
                file, place, "it loses to the active stage " ~ rule.stage, "write `then: advance`"
            ) -%}
        {%- endif -%}
        {%- if rule.then == "lose" and not rule.get("reason") -%}
            {%- do lifecycle_error(
                file, place, "a loss has no reason", "add `reason`: a text, or attributes.<name>"
            ) -%}
        {%- endif -%}

        {%- for measure in modules.re.findall("measures[.]([A-Za-z_0-9]+)", rule.get("if") or "") -%}
            {%- if measure not in known_measures -%}
                {%- do lifecycle_error(
                    file,
                    place,
                    "measure `" ~ measure ~ "` is unknown",
                    "choose from: " ~ known_measures.keys() | join(", "),
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- set firing = lifecycle_timers(definition) | map(attribute="key") | list -%}
    {%- set circle = timer_keys | reject("in", firing) | list -%}
    {%- if circle -%}
        {%- do lifecycle_error(
            file,
            "rule " ~ circle[0],
            "its timer waits for itself: " ~ circle | join(", ") ~ " start each other",
            "let one of them start at an activity only",
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro lifecycle_error(file, place, problem, fix) -%}
    {%- do exceptions.raise_compiler_error(
        "Stage model " ~ file ~ ", " ~ place ~ ": " ~ problem ~ ". Fix: " ~ fix ~ "."
    ) -%}
{%- endmacro %}

{% macro lifecycle_known_keys(file, place, mapping, known) -%}
    {%- for key in mapping -%}
        {%- if key not in known -%}
            {%- do lifecycle_error(file, place, "`" ~ key ~ "` is not understood", "use: " ~ known | join(", ")) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro lifecycle_labels(file, place, mapping) -%}
    {%- for language in ["en", "fr"] -%}
        {%- if not (mapping.get("labels") or {}).get(language) -%}
            {%- do lifecycle_error(
                file, place, "the label `" ~ language ~ "` is missing", "add labels: {en: …, fr: …}"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
