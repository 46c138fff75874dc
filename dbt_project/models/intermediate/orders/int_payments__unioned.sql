{{ config(materialized="view") }} {{ union_entity("payments") }}
