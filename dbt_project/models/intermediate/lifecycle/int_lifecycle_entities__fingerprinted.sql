{{
    config(
        materialized="incremental",
        incremental_strategy="replace_entities",
        unique_key=["entity_type", "entity_id"],
        incremental_predicates=["fingerprint is not null"],
    )
}}
{{ lifecycle_fingerprints_sql(ref("int_activities__identified"), this if is_incremental() else none) }}
