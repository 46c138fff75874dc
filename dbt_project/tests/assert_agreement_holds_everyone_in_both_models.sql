-- Who is in a stage of an authority and of a model that it speaks about is compared once, and nobody else is.
with
    agreement as (select * from {{ ref("lifecycle_agreement") }}),
    current_stages as (select * from {{ ref("lifecycle_current") }}),
    meanings as (select * from {{ ref("bridge_lifecycle_stage_meanings") }}),

    compared_models as (select distinct authority_model, derived_model from meanings),

    in_both as (
        select
            compared_models.authority_model,
            compared_models.derived_model,
            authority.entity_type,
            authority.entity_id,
            authority.stage as authority_stage,
            derived.stage as derived_stage
        from compared_models
        inner join current_stages as authority on authority.lifecycle_model = compared_models.authority_model
        inner join
            current_stages as derived
            on derived.lifecycle_model = compared_models.derived_model
            and derived.entity_type = authority.entity_type
            and derived.entity_id = authority.entity_id
    )

select in_both.*, agreement.entity_id as compared_entity_id
from in_both
full outer join
    agreement
    on agreement.authority_model = in_both.authority_model
    and agreement.derived_model = in_both.derived_model
    and agreement.entity_type = in_both.entity_type
    and agreement.entity_id = in_both.entity_id
    and agreement.authority_stage = in_both.authority_stage
    and agreement.derived_stage = in_both.derived_stage
where in_both.entity_id is null or agreement.entity_id is null
