{{ config(materialized="view") }} {{ union_entity("experiment_assignments") }}
