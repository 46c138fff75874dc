"""How satisfied people said they were: every answer is in it, once for each breakdown."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    answers = "select count(*) from core.fct_survey_answers"
    return [
        *rows_kept(batch),
        *(
            equal_sums(
                f"answers of the breakdown {breakdown} add up to all answers",
                f"select sum(answer_count) from {batch.relation} where breakdown = '{breakdown}' and month is not null",
                answers,
            )
            for breakdown in ("all", "channel")
        ),
    ]
