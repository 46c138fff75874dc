"""The review of losses: every loss of the stage history is in it, once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "losses add up to those of the stage history",
            f"select coalesce(sum(lost_count), 0) from {batch.relation}",
            "select count(*) from marts.lifecycle_stage_history where stage_kind = 'lost'",
        ),
    ]
