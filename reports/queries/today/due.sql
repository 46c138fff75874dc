select team, channel, action_en, action_fr, audience_label_en, audience_label_fr, count(*) as people
from marts.next_best_action
group by all
order by people desc, audience_label_en
