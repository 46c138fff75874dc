{{ config(materialized="view") }} {{ union_entity("ads") }}
