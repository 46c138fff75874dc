{{ config(materialized="view") }} {{ union_entity("conversation_events") }}
