{{ config(materialized="view") }} {{ union_entity("conversations") }}
