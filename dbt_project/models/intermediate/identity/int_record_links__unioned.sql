{{ config(materialized="view") }} {{ union_entity("record_links") }}
