{{ config(materialized="view") }} {{ union_entity("orders") }}
