{#-
    Reads a stage model for the compiler: numbers instead of names, timers in firing order, and what has to be read.
    Belongs here: what a definition says, as Jinja data. Does not: SQL.
-#}
{#-
    `definition`: the mapping under `config.meta.lifecycle`. Rules and stages are numbered by their places in the file.
    Gives `stages`, `stage_kinds`, `rules`, `reasons` (number -> SQL), `targets` (rule -> stage number, 0 for none),
    `numbers` (move -> rules), `losing_timers`, `timers`, `ranked_rules` (in the order in which they are tried; the
    first match wins), `moved` and `measured` (activities that may cause a move; activities that measures need), `read`
    (all activities read), `measures` (name -> definition), `attributes`, `reason_attributes`, `columns` (of the
    activities) and `stream_columns` (of a row that a rule is asked about).
-#}
{% macro lifecycle_plan(definition) -%}
    {%- set plan = {
        "entity_column": definition.entity ~ "_id",
        "stages": {},
        "stage_kinds": {},
        "rules": {},
        "reasons": {},
        "targets": {},
        "numbers": {"advance": [], "set": [], "set_lost": [], "lose": [], "clear": []},
        "losing_timers": [],
        "timers": lifecycle_timers(definition),
        "ranked_rules": [],
    } -%}
    {%- set stage_keys = definition.stages | map(attribute="key") | list -%}
    {%- set lost_keys = definition.stages | selectattr("kind", "equalto", "lost") | map(attribute="key") | list -%}
    {%- for stage in definition.stages -%}
        {%- do plan.stages.update({loop.index: quoted(stage.key)}) -%}
        {%- do plan.stage_kinds.update({loop.index: quoted(stage.kind)}) -%}
    {%- endfor -%}
    {%- for rule in definition.rules -%}
        {%- set move = "set_lost" if rule.then == "set" and rule.stage in lost_keys else rule.then -%}
        {%- do plan.numbers[move].append(loop.index) -%}
        {%- do plan.rules.update({loop.index: quoted(rule.key)}) -%}
        {%- do plan.reasons.update({loop.index: lifecycle_reason(rule)}) -%}
        {%- do plan.targets.update({loop.index: 0 if move == "clear" else stage_keys.index(rule.stage) + 1}) -%}
        {%- if move == "lose" and rule.get("after_days") -%}
            {%- do plan.losing_timers.append(loop.index) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for priority in definition.rules | map(attribute="priority", default=0) | unique | sort(reverse=true) -%}
        {%- for rule in definition.rules -%}
            {%- if rule.get("when") and rule.get("priority", 0) == priority -%}
                {%- do plan.ranked_rules.append(dict(rule, number=loop.index)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}

    {#- Called once: putting together all measures takes longer than the rest of this macro. -#}
    {%- set known_measures = lifecycle_measures() -%}
    {%- set measures = {} -%}
    {%- set ns = namespace(moved=[], timed=[], measured=[], reads_all=false) -%}
    {%- for rule in definition.rules -%}
        {%- set names = modules.re.findall("measures[.]([a-z_0-9]+)", rule.get("if") or "") -%}
        {%- set ns.moved = ns.moved + (rule.get("when") or []) -%}
        {%- if names -%} {%- set ns.measured = ns.measured + (rule.get("when") or []) -%} {%- endif -%}
        {%- for name in names if name not in measures -%}
            {%- do measures.update({name: known_measures[name]}) -%}
            {%- set read = known_measures[name].activities -%}
            {%- set ns.measured = ns.measured + read -%}
            {%- if not read -%} {%- set ns.reads_all = true -%} {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for timer in plan.timers -%} {%- set ns.timed = ns.timed + timer.activities + timer.without -%} {%- endfor -%}

    {#- Only what is read is carried through the windows. -#}
    {%- set conditions = " " ~ (definition.rules | map(attribute="if", default="") | join(" ")) ~ " " -%}
    {%- set reasons = definition.rules | map(attribute="reason", default="") | join(" ") -%}
    {%- set measure_texts = [""] -%}
    {%- for measure in measures.values() -%}
        {%- do measure_texts.append(measure.sql) -%}
        {%- if measure.prepare -%} {%- do measure_texts.append(measure.prepare.sql) -%} {%- endif -%}
    {%- endfor -%}
    {%- set measure_text = measure_texts | join(" ") ~ " " -%}
    {%- set columns = [] -%}
    {%- set stream_columns = [] -%}
    {%- for column in [
        "person_id",
        "source_system",
        "source_record_id",
        "channel",
        "amount_reporting",
        "attributes",
    ] -%}
        {%- set pattern = "[^a-z_.]" ~ column ~ "[^a-z_.]" -%}
        {%- set is_asked = modules.re.search(pattern, conditions) -%}
        {%- if is_asked or modules.re.search(pattern, measure_text) -%} {%- do columns.append(column) -%} {%- endif -%}
        {%- if is_asked -%} {%- do stream_columns.append(column) -%} {%- endif -%}
    {%- endfor -%}
    {%- set attributes = modules.re.findall("attributes[.]([a-z_0-9]+)", conditions ~ reasons) | unique | sort -%}
    {%- for name in attributes -%} {%- do stream_columns.append("attribute_" ~ name) -%} {%- endfor -%}

    {%- do plan.update(
        {
            "moved": ns.moved | unique | sort,
            "measured": ns.measured | unique | sort,
            "read": (ns.moved + ns.timed + ns.measured) | unique | sort,
            "reads_all": ns.reads_all,
            "measures": measures,
            "attributes": attributes,
            "reason_attributes": modules.re.findall("attributes[.]([a-z_0-9]+)", reasons) | unique | sort,
            "columns": columns,
            "stream_columns": stream_columns,
        }
    ) -%}
    {{ return(plan) }}
{%- endmacro %}

{#-
    The timers of a model, each after those that start it: the rule with `number` (its place in the file), `activities`
    and `starters` (the parts of `since` that are activities, and those that are numbers of other timers) and `starts`,
    the activities that a firing goes back to, with the days in between. Timers that start each other in a circle are
    missing from it.
-#}
{% macro lifecycle_timers(definition) -%}
    {%- set keys = definition.rules | selectattr("after_days", "defined") | map(attribute="key") | list -%}
    {%- set ns = namespace(timers=[], placed=[]) -%}
    {%- for _ in keys -%}
        {%- for rule in definition.rules -%}
            {%- set since = rule.get("since") or [] -%}
            {%- set waits_for = since | select("in", keys) | reject("in", ns.placed) | list -%}
            {%- if rule.key in keys and rule.key not in ns.placed and not waits_for -%}
                {%- set activities = since | reject("in", keys) | list -%}
                {%- set starters = ns.timers | selectattr("key", "in", since) | list -%}
                {%- set starts = [{"activities": activities, "days": rule.after_days}] if activities else [] -%}
                {%- for starter in starters -%}
                    {%- for start in starter.starts -%}
                        {%- do starts.append(dict(start, days=start.days + rule.after_days)) -%}
                    {%- endfor -%}
                {%- endfor -%}
                {%- set ns.placed = ns.placed + [rule.key] -%}
                {%- set ns.timers = ns.timers + [
                    dict(
                        rule,
                        number=loop.index,
                        activities=activities,
                        starters=starters | map(attribute="number") | list,
                        starts=starts,
                    )
                ] -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(ns.timers) }}
{%- endmacro %}
