"""Orders from files: instants and amounts in a range that an order can have."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import any_filled, steady_mean, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *within("total_amount", 1e9),
        any_filled(["customer_id", "email", "phone"], at_least=0.5, severity="warn"),
        steady_mean(batch, "total_amount", by="currency"),
    ]
