{#-
    Why an entity is in a stage: rules in words, and every measure at the instant of entry.
    Belongs here: what an analyst reads about a move. Does not: what decides the move (episodes.sql).
-#}
{#- A rule of a stage model as a sentence. -#}
{% macro lifecycle_rule_text(rule) -%}
    {%- set parts = [] -%}
    {%- if rule.get("when") -%} {%- do parts.append("On " ~ rule.when | join(" or ")) -%}
    {%- else -%}
        {%- do parts.append(
            rule.after_days ~ " days after " ~ rule.since
            | join(" or ") ~ (" without " ~ rule.without | join(", ") if rule.without else "")
        ) -%}
    {%- endif -%}
    {%- if rule.get("if") -%} {%- do parts.append("if " ~ (rule["if"] | string).split() | join(" ")) -%} {%- endif -%}
    {%- set moves = {
        "advance": "advance to ",
        "set": "set to ",
        "lose": "lose to ",
        "clear": "leave the funnel",
    } -%}
    {%- set reason = " (reason: " ~ rule.reason ~ ")" if rule.get("reason") else "" -%}
    {{- return(parts | join(", ") ~ ": " ~ moves[rule.then] ~ (rule.get("stage") or "") ~ reason) -}}
{%- endmacro %}

{#-
    Every measure at the entries of episodes. `entries`: a select of entity_type, entity_id, entered_at and
    entry_activity_id. Gives those columns and `measures`, a JSON text. A measure at an entry is what a rule that is
    evaluated at that instant would read.

    Of ten activities, one enters a stage. So those between two entries of an entity are added up first, and the windows
    of the measures run over the sums.
-#}
{% macro lifecycle_entry_measures_sql(activities_relation, entries) -%}
    {%- set running = [] -%}
    {%- set measures = lifecycle_measures(running) -%}
    {%- set pairs = {} -%}
    {%- for name in measures -%}
        {%- do pairs.update({name: name ~ "::" ~ dbt.type_string() if name.endswith("_at") else name}) -%}
    {%- endfor -%}
    {%- set running_columns = [] -%}
    {%- for part in running -%}
        {%- do running_columns.append("running_" ~ loop.index) -%}
        {%- if part.before -%} {%- do running_columns.append("running_" ~ loop.index ~ "_before") -%} {%- endif -%}
    {%- endfor -%}
    with
        entries as ({{ entries }}),

        {% for entity in ["person", "account"] %}
            {{ entity }}_activities as (
                select
                    '{{ entity }}' as entity_type,
                    activities.{{ entity }}_id as entity_id,
                    activities.person_id,
                    activities.activity_id,
                    activities.activity,
                    activities.occurred_at,
                    activities.source_system,
                    activities.source_record_id,
                    activities.amount_reporting,
                    activities.attributes
                from {{ activities_relation }} as activities
                where
                    activities.{{ entity }}_id
                    in (select entries.entity_id from entries where entries.entity_type = '{{ entity }}')
            ),
        {% endfor %}

        activities as (
            select *
            from person_activities
            union all
            select *
            from account_activities
        ),

        entry_instants as (select distinct entity_type, entity_id, entered_at from entries),

        instants as (
            select
                entity_type,
                entity_id,
                person_id,
                activity_id,
                activity,
                occurred_at,
                source_system,
                source_record_id,
                amount_reporting,
                attributes,
                cast(null as {{ timestamp_type() }}) as entered_at
            from activities
            union all
            select
                entity_type,
                entity_id,
                null as person_id,
                null as activity_id,
                null as activity,
                entered_at as occurred_at,
                null as source_system,
                null as source_record_id,
                null as amount_reporting,
                null as attributes,
                entered_at
            from entry_instants
        ),

        {#- Persons and accounts have different ids, so that windows by entity_id keep them apart. -#}
        -- The first entry at or after each activity. What follows the last entry is of no account.
        counted as (
            select
                *,
                min(entered_at) over (
                    partition by entity_id
                    order by occurred_at asc nulls last
                    range between current row and unbounded following
                ) as counts_from
            from instants
        ),

        to_prepare as (select * from counted where activity is not null and counts_from is not null),

        prepared as ({{ lifecycle_prepared_sql(measures, "to_prepare") }}),

        summed as (
            select
                entity_type,
                entity_id,
                source_system,
                counts_from,
                {%- for part in running %}
                    {{ part.aggregate }} ({{ part.value }}) as running_{{ loop.index }},
                    {%- if part.before %}
                        {{ part.aggregate }} (
                            case when occurred_at < counts_from then {{ part.value }} end
                        ) as running_{{ loop.index }}_before,
                    {%- endif %}
                {%- endfor %}
                count(*) as activity_count
            from prepared
            group by entity_type, entity_id, source_system, counts_from
        ),

        -- An entry is a row of its own, with nothing to add.
        steps as (
            select
                entity_type,
                entity_id,
                cast(null as {{ dbt.type_string() }}) as activity_id,
                source_system,
                counts_from as occurred_at,
                {%- for part in running %}
                    running_{{ loop.index }}, {%- if part.before %} running_{{ loop.index }}_before, {%- endif %}
                {%- endfor %}
                false as is_entry
            from summed
            union all
            select
                entries.entity_type,
                entries.entity_id,
                entries.entry_activity_id as activity_id,
                activities.source_system,
                entries.entered_at as occurred_at,
                {%- for column in running_columns %} null as {{ column }}, {%- endfor %}
                true as is_entry
            from entries
            left join
                activities
                on activities.entity_type = entries.entity_type
                and activities.entity_id = entries.entity_id
                and activities.activity_id = entries.entry_activity_id
        ),

        {% set measured = namespace(sql={}) -%}
        {%- for name, measure in measures.items() -%}
            {%- do measured.sql.update({name: measure.sql}) -%}
            {%- for part in running -%}
                {%- set sum = lifecycle_running_sum(part, "running_" ~ loop.index) -%}
                {%- do measured.sql.update({name: measured.sql[name] | replace(part.window, sum)}) -%}
            {%- endfor -%}
        {%- endfor -%}
        measured as (
            select
                entity_type,
                entity_id,
                activity_id,
                occurred_at,
                is_entry
                {%- for name, sql in measured.sql.items() %}, {{ sql }} as {{ name }} {%- endfor %}
            from steps
        )

    select
        entity_type,
        entity_id,
        occurred_at as entered_at,
        activity_id as entry_activity_id,
        {{ json_attributes(pairs) }} as measures
    from measured
    where is_entry
{%- endmacro %}

{#- A window over rows, as a window over the sums of rows that end at each instant: what was counted is added up. -#}
{% macro lifecycle_running_sum(part, column) -%}
    {%- if part.before -%}
        {%- set up_to_now = part.frame | replace("interval '1' microsecond preceding", "current row") -%}
        {{ return("greatest(max(" ~ column ~ "_before) " ~ up_to_now ~ ", max(" ~ column ~ ") " ~ part.frame ~ ")") }}
    {%- elif part.aggregate == "count" -%} {{ return("coalesce(sum(" ~ column ~ ") " ~ part.frame ~ ", 0)::bigint") }}
    {%- else -%} {{ return(part.aggregate ~ "(" ~ column ~ ") " ~ part.frame) }}
    {%- endif -%}
{%- endmacro %}
