{{
    config(
        materialized=lifecycle_materialization(),
        incremental_strategy="delete+insert",
        unique_key=["entity_type", "entity_id"],
    )
}}
{{ lifecycle_fingerprints_sql(ref("int_activities__identified"), this if is_incremental() else none) }}
