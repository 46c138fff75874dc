{#- Only the entries of entities that the engine evaluated since the last run are measured. -#}
{{
    config(
        materialized=lifecycle_materialization(),
        incremental_strategy="delete+insert",
        unique_key=["entity_type", "entity_id"],
        on_schema_change="sync_all_columns",
    )
}}
{%- set entries -%}
    select distinct episodes.entity_type, episodes.entity_id, episodes.entered_at, episodes.entry_activity_id
    from {{ ref("int_lifecycle_episodes__unioned") }} as episodes
{%- endset -%}
{%- set version = local_md5(lifecycle_entry_measures_sql("activities", "entries")) -%}
{%- if is_incremental() -%}
    {%- set entries -%}
        {{ entries }}
        inner join
            (
                select episodes.entity_type, episodes.entity_id
                from {{ ref("int_lifecycle_episodes__unioned") }} as episodes
                left join
                    (
                        select max(this.measured_at) as measured_at
                        from {{ this }} as this
                        where this.measures_version = '{{ version }}'
                    ) as last_run
                    on true
                where last_run.measured_at is null or episodes.evaluated_at > last_run.measured_at
                group by episodes.entity_type, episodes.entity_id
            ) as evaluated
            on evaluated.entity_type = episodes.entity_type
            and evaluated.entity_id = episodes.entity_id
    {%- endset -%}
{%- endif -%}
with
    measured as ({{ lifecycle_entry_measures_sql(ref("int_activities__identified"), entries) }}),

    final as (
        select
            entity_type,
            entity_id,
            entered_at,
            entry_activity_id,
            measures,
            '{{ version }}' as measures_version,
            {{ run_started() }} as measured_at
        from measured
    )

select *
from final
