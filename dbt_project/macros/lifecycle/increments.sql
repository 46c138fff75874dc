{#-
    Which entities a run of a stage model evaluates, and the dbt model around the engine.

    The first run, and `--full-refresh`, evaluate everyone. A later run evaluates the entities with new, changed,
    merged or vanished activities since the rows that stand were evaluated, and those for whom a timer has run out
    since; all of an entity's episodes are replaced. Where the compiled engine itself is another one (an edited rule, a
    measure, the engine) or the run looks at an earlier instant than the last, it evaluates everyone.
-#}
{#- The body of a stage model: the file beside its YAML calls this and nothing else. -#}
{% macro lifecycle_episodes() -%}
    {{
        config(
            enabled=model.name.removeprefix("int_lifecycle__") in var("lifecycle_models"),
            materialized=lifecycle_materialization(),
            incremental_strategy="delete+insert",
            unique_key="entity_id",
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
        {%- do validate_lifecycle_model(definition, file, model.name.removeprefix("int_lifecycle__")) -%}
        {%- set existing = this if is_incremental() else none -%}
        {#- Rows that no version of the engine signed say nothing of what they know: everyone is evaluated. -#}
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

{#- Plain Parquet on Spark cannot replace single rows: there every run evaluates everyone. -#}
{% macro lifecycle_materialization() -%}
    {{ return(adapter.dispatch("lifecycle_materialization", "lifecycle")()) }}
{%- endmacro %}
{% macro default__lifecycle_materialization() -%} {{ return("incremental") }} {%- endmacro %}
{% macro spark__lifecycle_materialization() -%} {{ return("table") }} {%- endmacro %}

{#-
    The rows that a run writes: episodes with `evaluated_at`, `evaluated_as_of` and `engine_version`. `existing`: the
    relation of the rows that stand, or none to evaluate everyone. In an increment an evaluated entity without episodes
    has one row without stage, so that the rows it had before are replaced as well.
-#}
{% macro lifecycle_evaluation_sql(definition, activities_relation, entities_relation, existing, is_signed=true) -%}
    {%- set everyone = lifecycle_episodes_sql(definition, activities_relation) -%}
    {%- set version = local_md5(everyone | replace(as_of(), "as_of")) -%}
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
                {{ lifecycle_due_entities_sql(definition, activities_relation, entities_relation) }}
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

{#- When this run of dbt began, by the clock: `as_of` may be the same in two runs, or an earlier one in a later run. -#}
{% macro run_started() -%} {{ timestamp_literal(run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f")) }} {%- endmacro %}

{#- What an episode says, beside whose it is and under which model. -#}
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

{#- Entities that changed since the last evaluation (the CTE `last_evaluation`), or whose timers have run out since. -#}
{% macro lifecycle_due_entities_sql(definition, activities_relation, entities_relation) -%}
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
    The fingerprint of each entity's activities and when it last changed. `existing`: the relation of the fingerprints
    that stand, or none. An entity without activities keeps a row without fingerprint, so that who is merged into
    another or taken back is evaluated once more.
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
                    coalesce(fingerprints.activity_count, 0) as activity_count
                from fingerprints
                full outer join
                    existing
                    on existing.entity_type = fingerprints.entity_type
                    and existing.entity_id = fingerprints.entity_id
                where
                    existing.entity_id is null
                    or existing.activity_count <> coalesce(fingerprints.activity_count, 0)
                    or existing.fingerprint <> fingerprints.fingerprint
            )

        select entity_type, entity_id, fingerprint, activity_count, {{ run_started() }} as changed_at
        from changes
    {% else %}
        select entity_type, entity_id, fingerprint, activity_count, {{ run_started() }} as changed_at from fingerprints
    {% endif %}
{%- endmacro %}
