with
    kinds as (
        select conversion_kind, max(conversion_count) as conversion_count
        from marts.attribution_comparison
        group by conversion_kind
    )

select
    kinds.conversion_kind,
    stages.lifecycle_model_label_en || ': ' || stages.stage_label_en as label_en,
    stages.lifecycle_model_label_fr || ' : ' || stages.stage_label_fr as label_fr
from kinds
left join
    marts.lifecycle_stages as stages
    on kinds.conversion_kind = 'stage:' || stages.lifecycle_model || '.' || stages.stage
order by
    stages.stage is not null,
    list_position(['first_order', 'subscription_started', 'deal_won', 'repeat_order'], kinds.conversion_kind),
    kinds.conversion_count desc,
    kinds.conversion_kind
