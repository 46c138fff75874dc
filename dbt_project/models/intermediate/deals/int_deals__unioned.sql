{{ config(materialized="view") }} {{ union_entity("deals") }}
