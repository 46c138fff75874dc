"""How long contacts wait for the first reply: the inbox did not fall silent, and no figure jumped."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import answered_every_month, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        answered_every_month(batch),
        *_steady_answers(batch),
    ]


def _steady_answers(batch: Batch) -> list[Expectation]:
    if batch.published is None:
        return []
    return [
        no_rows(
            "the share of answered waits of a month moved by at most 10 points since the previous publication",
            "select month, was_published.answered_rate as earlier_rate, now_published.answered_rate "
            "from {batch} as now_published "
            f"join {batch.published}.{batch.relation} as was_published using (summary_id, month) "
            "where now_published.breakdown = 'all' and was_published.wait_count >= 50 "
            "and abs(now_published.answered_rate - was_published.answered_rate) > 0.1",
            "warn",
        )
    ]
