"""What people did after they answered: no answer is counted whose window is not over, and none twice."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import no_rows


def expectations(batch: Batch) -> list[Expectation]:
    return [
        no_rows(
            "no more answers are followed than were given",
            "select followed.survey_type from (select survey_type, window_days, sum(answer_count) as answer_count "
            "from {batch} where survey_type <> 'none' group by survey_type, window_days) as followed "
            "inner join (select survey_type, count(*) as answer_count from core.fct_survey_answers "
            "group by survey_type) as given on given.survey_type = followed.survey_type "
            "where followed.answer_count > given.answer_count",
        ),
        no_rows(
            "a longer window has no more answers than a shorter one",
            "select longer.survey_type from {batch} as longer inner join {batch} as shorter "
            "on shorter.survey_type = longer.survey_type and shorter.score_band = longer.score_band "
            "and shorter.window_days < longer.window_days where longer.answer_count > shorter.answer_count",
        ),
    ]
