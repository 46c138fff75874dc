{#-
    Which entities a run evaluates, and how its results replace the existing rows: in the fingerprints, the stage models
    and the measures at their entries. After any run each table holds what a rebuild would.

    The first run, and `--full-refresh`, evaluate everyone. A later run evaluates the entities whose activities are new,
    changed, merged or gone since the existing rows were evaluated, and those for which a timer has run out since; all
    of an entity's episodes are replaced. If the compiled engine itself has changed (an edited rule, a measure, the
    engine), or if the run looks at an earlier instant than the last one, it evaluates everyone.
-#}
{#- The body of a stage model: the file beside its YAML calls this and nothing else. -#}
{% macro lifecycle_episodes() -%}
    {{
        config(
            enabled=model.name.removeprefix("int_lifecycle__")
            in var("lifecycle_models") + var("lifecycle_proposals"),
            materialized="incremental",
            incremental_strategy="replace_entities",
            unique_key="entity_id",
            incremental_predicates=["stage is not null"],
            on_schema_change="sync_all_columns",
        )
    }}
    {%- set activities_relation = ref("int_activities__identified") -%}
    {%- set entities_relation = ref("int_lifecycle_entities__fingerprinted") -%}
    {%- if execute -%}
        {%- set file = (model.patch_path or model.original_file_path).split("://") | last -%}
        {%- set definition = model.config.meta.get("lifecycle") -%}
        {%- if not definition -%}
            {%- do lifecycle_error(
                file,
                "the model",
                "config.meta.lifecycle is missing",
                "copy the YAML of an existing stage model",
            ) -%}
        {%- endif -%}
        {%- set existing = this if is_incremental() else none -%}
        {#- Rows without a version of the engine do not say what they are based on: everyone is evaluated. -#}
        {%- set columns = adapter.get_columns_in_relation(this) if existing else [] -%}
        {%- set is_signed = "engine_version" in columns | map(attribute="name") -%}
        {{ lifecycle_evaluation_sql(definition, activities_relation, entities_relation, existing, is_signed) }}
    {%- else -%}
        select *
        from {{ activities_relation }}
        union all
        select *
        from {{ entities_relation }}
    {%- endif -%}
{%- endmacro %}

{#-
    The incremental strategy of tables that hold what is known about each entity. All rows of the entities among the new
    rows (`unique_key`) are replaced; new rows that `incremental_predicates` let pass are inserted. So an empty row for
    an entity removes it.
-#}
{% macro get_incremental_replace_entities_sql(arg_dict) -%}
    {%- set keys = [arg_dict["unique_key"]] if arg_dict["unique_key"] is string else arg_dict["unique_key"] -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="name") | join(", ") -%}
    {%- set deletion -%}
        delete from {{ arg_dict["target_relation"] }}
        where ({{ keys | join(", ") }}) in (select {{ keys | join(", ") }} from {{ arg_dict["temp_relation"] }})
    {%- endset -%}
    {%- set insertion -%}
        insert into {{ arg_dict["target_relation"] }} ({{ columns }})
        select {{ columns }}
        from {{ arg_dict["temp_relation"] }}
        where {{ arg_dict["incremental_predicates"] | join(" and ") }}
    {%- endset -%}
    {{ return(deletion ~ "; " ~ insertion) }}
{%- endmacro %}

{#-
    The rows that a run writes: episodes with `evaluated_at`, `evaluated_as_of` and `engine_version`. `existing`: the
    relation of the existing rows, or none to evaluate everyone. In an increment, an evaluated entity without episodes
    has one row without a stage, which removes the rows it had before.
-#}
{% macro lifecycle_evaluation_sql(definition, activities_relation, entities_relation, existing, is_signed=true) -%}
    {%- set everyone = lifecycle_episodes_sql(definition, activities_relation) -%}
    {#- Rows that were written in another format are replaced like those of another engine. -#}
    {%- set version = local_md5("replace_entities: " ~ (everyone | replace(as_of(), "as_of"))) -%}
    {%- if existing %}
        with
            last_evaluation as (
                select max(evaluated_at) as evaluated_at, max_by(evaluated_as_of, evaluated_at) as evaluated_as_of
                {%- if is_signed %} from {{ existing }} where engine_version = '{{ version }}'
                {%- else %}
                    from
                        (
                            select
                                cast(null as {{ timestamp_type() }}) as evaluated_at,
                                cast(null as {{ timestamp_type() }}) as evaluated_as_of
                        ) as unsigned
                {%- endif %}
            ),

            entities_to_evaluate as (
                {{ lifecycle_due_entities_sql(definition, activities_relation, entities_relation, existing) }}
            ),

            episodes as (
                {{
                    lifecycle_episodes_sql(
                        definition,
                        activities_relation,
                        "select entities_to_evaluate.entity_id from entities_to_evaluate",
                    )
                }}
            )

        select
            {{ quoted(definition.entity) }} as entity_type,
            entities_to_evaluate.entity_id,
            {{ quoted(definition.model) }} as lifecycle_model,
            {%- for column in lifecycle_episode_columns() %} episodes.{{ column }},{%- endfor %}
            {{ as_of() }} as evaluated_as_of,
            {{ run_started() }} as evaluated_at,
            '{{ version }}' as engine_version
        from entities_to_evaluate
        left join episodes on episodes.entity_id = entities_to_evaluate.entity_id
    {%- else %}
        with episodes as ({{ everyone }})

        select
            entity_type,
            entity_id,
            lifecycle_model,
            {%- for column in lifecycle_episode_columns() %} {{ column }},
            {%- endfor %}
            {{ as_of() }} as evaluated_as_of,
            {{ run_started() }} as evaluated_at,
            '{{ version }}' as engine_version
        from episodes
    {%- endif -%}
{%- endmacro %}

{#- When this run of dbt began, by the clock: `as_of` may be the same in two runs, or earlier in a later run. -#}
{% macro run_started() -%} {{ timestamp_literal(run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")) }} {%- endmacro %}

{#- The columns of an episode, apart from its entity and its model. -#}
{% macro lifecycle_episode_columns() -%}
    {{
        return(
            [
                "stage",
                "stage_kind",
                "stage_order",
                "pass_number",
                "entered_at",
                "exited_at",
                "previous_stage",
                "next_stage",
                "entry_rule",
                "entry_activity_id",
                "lost_reason",
                "loaded_at",
            ]
        )
    }}
{%- endmacro %}

{#-
    Entities that changed since the last evaluation (the CTE `last_evaluation`), whose timers have run out since, or
    that have episodes but are gone: merged into another, taken back, erased.
-#}
{% macro lifecycle_due_entities_sql(definition, activities_relation, entities_relation, existing) -%}
    {%- set entity_column = definition.entity ~ "_id" -%}
    select entities.entity_id
    from {{ entities_relation }} as entities
    left join last_evaluation on true
    where
        entities.entity_type = {{ quoted(definition.entity) }}
        and (
            last_evaluation.evaluated_at is null
            or last_evaluation.evaluated_as_of > {{ as_of() }}
            or entities.changed_at > last_evaluation.evaluated_at
        )
    union
    select existing.entity_id
    from {{ existing }} as existing
    where
        existing.entity_id not in (
            select entities.entity_id
            from {{ entities_relation }} as entities
            where entities.entity_type = {{ quoted(definition.entity) }}
        )
    {%- for timer in lifecycle_timers(definition) -%}
        {%- for start in timer.starts %}
            union
            select activities.{{ entity_column }}
            from {{ activities_relation }} as activities
            inner join
                last_evaluation
                on activities.occurred_at > last_evaluation.evaluated_as_of - interval '{{ start.days }}' day
            where
                activities.{{ entity_column }} is not null
                and activities.activity in ({{ quoted_list(start.activities) }})
                and activities.occurred_at <= {{ as_of() }} - interval '{{ start.days }}' day
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}

{#-
    The fingerprint of each entity's activities and when it last changed. `existing`: the relation of the existing
    fingerprints, or none. An entity whose activities are gone has one row without a fingerprint, which removes it.
-#}
{% macro lifecycle_fingerprints_sql(activities_relation, existing) -%}
    with
        fingerprints as (
            {% for entity in ["person", "account"] %}
                select
                    '{{ entity }}' as entity_type,
                    {{ entity }}_id as entity_id,
                    bit_xor(row_fingerprint) as fingerprint,
                    count(*) as activity_count
                from {{ activities_relation }}
                where {{ entity }}_id is not null
                group by {{ entity }}_id {{ "union all" if not loop.last }}
            {% endfor %}
        )
    {% if existing %}
            ,
            existing as (select * from {{ existing }}),

            changes as (
                select
                    coalesce(fingerprints.entity_type, existing.entity_type) as entity_type,
                    coalesce(fingerprints.entity_id, existing.entity_id) as entity_id,
                    fingerprints.fingerprint,
                    fingerprints.activity_count
                from fingerprints
                full outer join
                    existing
                    on existing.entity_type = fingerprints.entity_type
                    and existing.entity_id = fingerprints.entity_id
                where
                    existing.entity_id is null
                    or fingerprints.entity_id is null
                    or existing.activity_count <> fingerprints.activity_count
                    or existing.fingerprint <> fingerprints.fingerprint
            )

        select entity_type, entity_id, fingerprint, activity_count, {{ run_started() }} as changed_at
        from changes
    {% else %}
        select entity_type, entity_id, fingerprint, activity_count, {{ run_started() }} as changed_at from fingerprints
    {% endif %}
{%- endmacro %}

{#-
    Every measure at each entry into a stage. `existing`: the relation of the existing entries, or none. In an
    increment, an entity is measured if its entries differ from the existing ones, if it was evaluated since, or if its
    entries were made by another definition of the measures. An entity without any entry has one row without an instant,
    which removes it.
-#}
{% macro lifecycle_entries_sql(activities_relation, episodes_relation, existing) -%}
    {%- set version = local_md5(lifecycle_entry_measures_sql("activities", "entries")) -%}
    {%- set keys = "entity_type, entity_id, entered_at, entry_activity_id" -%}
    with
        episode_entries as (
            select {{ keys }}, max(evaluated_at) as evaluated_at from {{ episodes_relation }} group by {{ keys }}
        ),

        {% if existing %}
            existing as (select * from {{ existing }}),

            entities_to_measure as (
                select distinct
                    coalesce(episode_entries.entity_type, existing.entity_type) as entity_type,
                    coalesce(episode_entries.entity_id, existing.entity_id) as entity_id
                from episode_entries
                full outer join
                    existing
                    on existing.entity_type = episode_entries.entity_type
                    and existing.entity_id = episode_entries.entity_id
                    and existing.entered_at = episode_entries.entered_at
                    and existing.entry_activity_id = episode_entries.entry_activity_id
                where
                    existing.entity_id is null
                    or episode_entries.entity_id is null
                    or existing.measures_version <> '{{ version }}'
                    or existing.measured_at < episode_entries.evaluated_at
            ),

            entries_to_measure as (
                select episode_entries.*
                from entities_to_measure
                inner join
                    episode_entries
                    on episode_entries.entity_type = entities_to_measure.entity_type
                    and episode_entries.entity_id = entities_to_measure.entity_id
            ),
        {% else %} entries_to_measure as (select * from episode_entries),
        {% endif %}

        measured as (
            {{ lifecycle_entry_measures_sql(activities_relation, "select " ~ keys ~ " from entries_to_measure") }}
        )

    select
        {{ "entities_to_measure" if existing else "measured" }}.entity_type,
        {{ "entities_to_measure" if existing else "measured" }}.entity_id,
        measured.entered_at,
        measured.entry_activity_id,
        measured.measures,
        '{{ version }}' as measures_version,
        {{ run_started() }} as measured_at
    from {{ "entities_to_measure" if existing else "measured" }}
    {% if existing %}
        left join
            measured
            on measured.entity_type = entities_to_measure.entity_type
            and measured.entity_id = entities_to_measure.entity_id
    {% endif %}
{%- endmacro %}
