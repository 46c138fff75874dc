{{ config(materialized="view") }} {{ union_entity("agents") }}
