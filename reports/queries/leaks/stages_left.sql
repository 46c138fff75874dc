select
    lifecycle_model,
    stage_label_en,
    stage_label_fr,
    sum(entered_count) as entered_count,
    sum(lost_count) as lost_count,
    sum(open_count) as open_count,
    sum(lost_count) / nullif(sum(entered_count), 0) as loss_rate
from marts.lifecycle_drop_off_rates
group by lifecycle_model, stage_label_en, stage_label_fr, stage_order
order by lifecycle_model, stage_order
