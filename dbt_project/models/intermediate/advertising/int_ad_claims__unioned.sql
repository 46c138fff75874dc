{{ config(materialized="view") }} {{ union_entity("ad_claims") }}
