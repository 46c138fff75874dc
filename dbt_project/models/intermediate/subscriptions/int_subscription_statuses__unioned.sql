{{ config(materialized="view") }} {{ union_entity("subscription_statuses") }}
