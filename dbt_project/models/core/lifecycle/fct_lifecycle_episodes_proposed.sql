{#- A view: the engine wrote every episode. -#}
{{ config(materialized="view") }} {{ lifecycle_facts(ref("int_lifecycle_episodes__proposed")) }}
