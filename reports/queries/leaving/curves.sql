select distinct curve, null as label_en, null as label_fr, curve = 'subscription' as comes_first
from marts.survival_curves
order by comes_first desc, curve
