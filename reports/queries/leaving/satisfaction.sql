select survey_type, answer_count, top_box_rate, top_box_rate_lower, top_box_rate_upper, nps
from marts.satisfaction
where breakdown = 'all' and month is null
order by answer_count desc, survey_type
