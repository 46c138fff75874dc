{{ config(materialized="view") }} {{ union_entity("order_payments") }}
