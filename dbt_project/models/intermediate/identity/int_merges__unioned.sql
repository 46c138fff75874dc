{{ config(materialized="view") }} {{ union_entity("merges") }}
