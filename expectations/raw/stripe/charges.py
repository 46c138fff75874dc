"""Charges: attempts to collect money, most of which succeed."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import known, no_rows, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        known("status", ["failed", "pending", "succeeded"]),
        *within("amount", 1e11),
        no_rows(
            "at most half of the charges fail",
            "select count(*) as charge_count, count(*) filter (where status = 'failed') as failed_count "
            "from {batch} having count(*) >= 20 and count(*) filter (where status = 'failed') > 0.5 * count(*)",
            "warn",
        ),
    ]
