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
-#}
{% macro lifecycle_entry_measures_sql(activities_relation, entries) -%}
    {%- set measures = lifecycle_measures() -%}
    {%- set pairs = {} -%}
    {%- for name in measures -%} {%- do pairs.update({name: name}) -%} {%- endfor -%}
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
                    activities.channel,
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

        -- An entry is a row of its own that no measure counts, like a timer that runs out.
        stream as (
            select *
            from activities
            union all
            select
                entries.entity_type,
                entries.entity_id,
                activities.person_id,
                entries.entry_activity_id as activity_id,
                cast(null as {{ dbt.type_string() }}) as activity,
                entries.entered_at as occurred_at,
                activities.source_system,
                activities.source_record_id,
                activities.channel,
                cast(null as decimal(18, 4)) as amount_reporting,
                activities.attributes
            from entries
            left join
                activities
                on activities.entity_type = entries.entity_type
                and activities.entity_id = entries.entity_id
                and activities.activity_id = entries.entry_activity_id
        ),

        {#- Persons and accounts have different ids, so that the measures' windows by entity_id keep them apart. -#}
        prepared as ({{ lifecycle_prepared_sql(measures, "stream") }}),

        measured as (
            select
                entity_type,
                entity_id,
                activity_id,
                activity,
                occurred_at
                {%- for name, measure in measures.items() %}, {{ measure.sql }} as {{ name }} {%- endfor %}
            from prepared
        )

    select
        entity_type,
        entity_id,
        occurred_at as entered_at,
        activity_id as entry_activity_id,
        {{ json_attributes(pairs) }} as measures
    from measured
    where activity is null
{%- endmacro %}
