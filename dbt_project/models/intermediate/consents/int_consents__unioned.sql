{{ config(materialized="view") }} {{ union_entity("consents") }}
