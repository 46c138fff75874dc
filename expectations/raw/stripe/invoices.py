"""Invoices: amounts and rhythm near what came before."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import between, known, steady_mean


def expectations(batch: Batch) -> list[Expectation]:
    return [
        known("status", ["draft", "open", "paid", "uncollectible", "void"]),
        between("total", 0, 1e11, mostly=0.9, severity="warn"),
        steady_mean(batch, "total", by="currency"),
    ]
