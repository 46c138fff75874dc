with
    episodes as (select * from {{ ref("fct_lifecycle_episodes") }}),
    proposed_episodes as (select * from {{ ref("fct_lifecycle_episodes_proposed") }}),
    stages as (select * from {{ ref("dim_lifecycle_stages") }}),
    proposed_stages as (select * from {{ ref("dim_lifecycle_proposed_stages") }}),

    proposals as (select distinct proposed_model, current_model from proposed_stages),

    as_it_is as (
        select proposals.proposed_model, episodes.*
        from proposals
        inner join episodes on episodes.lifecycle_model = proposals.current_model
        where episodes.is_current
    ),

    as_proposed as (
        select proposals.proposed_model, proposed_episodes.*
        from proposals
        inner join proposed_episodes on proposed_episodes.lifecycle_model = proposals.proposed_model
        where proposed_episodes.is_current
    ),

    compared as (
        select
            coalesce(as_it_is.proposed_model, as_proposed.proposed_model) as proposed_model,
            coalesce(as_it_is.entity_type, as_proposed.entity_type) as entity_type,
            coalesce(as_it_is.entity_id, as_proposed.entity_id) as entity_id,
            as_it_is.stage as current_stage,
            as_it_is.entered_at as current_entered_at,
            as_it_is.entry_rule as current_entry_rule,
            as_it_is.entry_activity_id as current_entry_activity_id,
            as_proposed.stage as proposed_stage,
            as_proposed.entered_at as proposed_entered_at,
            as_proposed.entry_rule as proposed_entry_rule,
            as_proposed.entry_activity_id as proposed_entry_activity_id
        from as_it_is
        full outer join
            as_proposed
            on as_proposed.proposed_model = as_it_is.proposed_model
            and as_proposed.entity_type = as_it_is.entity_type
            and as_proposed.entity_id = as_it_is.entity_id
    ),

    final as (
        select
            compared.proposed_model,
            proposals.current_model,
            compared.entity_type,
            compared.entity_id,
            case
                when compared.current_stage is null
                then 'enters'
                when compared.proposed_stage is null
                then 'leaves'
                else 'moves'
            end as change,
            compared.current_stage,
            {{ stage_words("current_stages", "current_stage") }},
            compared.proposed_stage,
            {{ stage_words("then_stages", "proposed_stage") }},
            compared.current_entered_at,
            compared.proposed_entered_at,
            compared.current_entry_rule,
            compared.proposed_entry_rule,
            compared.current_entry_activity_id,
            compared.proposed_entry_activity_id
        from compared
        inner join proposals on proposals.proposed_model = compared.proposed_model
        left join
            stages as current_stages
            on current_stages.lifecycle_model = proposals.current_model
            and current_stages.stage = compared.current_stage
        left join
            proposed_stages as then_stages
            on then_stages.proposed_model = proposals.proposed_model
            and then_stages.stage = compared.proposed_stage
        where coalesce(compared.current_stage, '') <> coalesce(compared.proposed_stage, '')
    )

select *
from final
