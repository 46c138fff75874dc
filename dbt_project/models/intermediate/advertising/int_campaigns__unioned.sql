{{ config(materialized="view") }} {{ union_entity("campaigns") }}
