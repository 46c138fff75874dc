{{ config(materialized="view") }} {{ union_entity("messages") }}
