"""Deals: amounts in a range that a deal can have."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import between, filled, not_ahead


def expectations(batch: Batch) -> list[Expectation]:
    return [
        not_ahead(batch, "createdate"),
        filled("amount", at_least=0.5, severity="warn"),
        between("amount", 0, 1e9, mostly=0.99),
    ]
