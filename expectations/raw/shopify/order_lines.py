"""Order lines: quantities and prices in a range that a sale can have."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import between, steady_mean


def expectations(batch: Batch) -> list[Expectation]:
    return [
        between("quantity", 0, 1e6, mostly=0.999),
        between("unit_price", 0, 1e8, mostly=0.999),
        steady_mean(batch, "unit_price", by="currency_code"),
    ]
