{{ config(materialized="view") }} {{ union_entity("contact_owners") }}
