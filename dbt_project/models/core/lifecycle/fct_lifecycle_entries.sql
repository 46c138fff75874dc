{#- Only the entries of entities that the engine evaluated since the last run are measured. -#}
{{
    config(
        materialized="incremental",
        incremental_strategy="replace_entities",
        unique_key=["entity_type", "entity_id"],
        incremental_predicates=["entered_at is not null"],
        on_schema_change="sync_all_columns",
    )
}}
{{
    lifecycle_entries_sql(
        ref("int_activities__identified"),
        ref("int_lifecycle_episodes__unioned"),
        this if is_incremental() else none,
    )
}}
