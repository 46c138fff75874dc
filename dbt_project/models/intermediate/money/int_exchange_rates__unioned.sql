{{ config(materialized="view") }} {{ union_entity("exchange_rates") }}
