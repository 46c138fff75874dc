{{ config(materialized="view") }} {{ lifecycle_union(proposals=false) }}
