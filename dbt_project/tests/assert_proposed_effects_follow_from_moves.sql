-- A stage holds under a proposal whom it holds now, less who would leave it, and who would come; and the stages of now
-- hold everyone who is in one.
with
    effects as (select * from {{ ref("lifecycle_proposed_effects") }}),
    moves as (select * from {{ ref("lifecycle_proposed_moves") }}),
    current_stages as (select * from {{ ref("lifecycle_current") }}),

    balances as (
        select proposed_model, stage, entities_in_stage_change as stated, 0 as derived
        from effects
        union all
        select proposed_model, proposed_stage as stage, 0 as stated, 1 as derived
        from moves
        where proposed_stage is not null
        union all
        select proposed_model, current_stage as stage, 0 as stated, -1 as derived
        from moves
        where current_stage is not null
    ),

    changes as (
        select proposed_model, stage, sum(stated) as stated, sum(derived) as derived
        from balances
        group by proposed_model, stage
    ),

    stock as (
        select proposed_model, current_model, sum(current_entities_in_stage) as stated
        from effects
        group by proposed_model, current_model
    ),

    everyone as (select lifecycle_model, count(*) as derived from current_stages group by lifecycle_model)

select proposed_model, stage, stated, derived
from changes
where stated <> derived
union all
select stock.proposed_model, 'all stages' as stage, stock.stated, coalesce(everyone.derived, 0) as derived
from stock
left join everyone on everyone.lifecycle_model = stock.current_model
where stock.stated <> coalesce(everyone.derived, 0)
