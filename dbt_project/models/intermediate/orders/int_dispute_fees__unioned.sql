{{ config(materialized="view") }} {{ union_entity("dispute_fees") }}
