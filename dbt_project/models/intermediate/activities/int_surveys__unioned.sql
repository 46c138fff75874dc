{{ config(materialized="view") }} {{ union_entity("surveys") }}
