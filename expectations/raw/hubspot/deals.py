"""Deals: amounts in a range that a deal can have."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import filled, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        filled("amount", at_least=0.5, severity="warn"),
        *within("amount", 1e9),
    ]
