select lifecycle_model, month, lost_stage_label_en, lost_stage_label_fr, sum(lost_count) as lost_count
from marts.lifecycle_drop_off
group by lifecycle_model, month, lost_stage_label_en, lost_stage_label_fr, lost_stage_order
order by lifecycle_model, lost_stage_order, month
