{{ config(materialized="view") }} {{ union_entity("deal_stages") }}
