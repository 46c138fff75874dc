"""Refunds: money back is not negative and not ahead of time."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import known, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *within("amount", 1e11),
        known("status", ["canceled", "failed", "pending", "requires_action", "succeeded"]),
    ]
