"""How stays end, by likely cause: every stay in an active stage is counted."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every stay in an active stage is counted once",
            f"select sum(entered_count) from {batch.relation}",
            "select count(*) from marts.lifecycle_stage_history where stage_kind = 'active'",
        ),
    ]
