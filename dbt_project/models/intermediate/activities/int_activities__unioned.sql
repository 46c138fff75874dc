{{ config(materialized="view") }} {{ union_entity("activities") }}
