"""Refunds: money back is not negative and not ahead of time."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *within("total_refunded", 1e9),
    ]
