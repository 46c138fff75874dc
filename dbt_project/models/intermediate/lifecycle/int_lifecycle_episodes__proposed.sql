{{ config(materialized="view") }} {{ lifecycle_union(proposals=true) }}
