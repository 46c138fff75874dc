"""Receipts: kinds and prices that the models know."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import known


def expectations(batch: Batch) -> list[Expectation]:
    categories = ["authentication", "marketing", "marketing_lite", "referral_conversion", "service", "utility"]
    return [
        known("status", ["delivered", "failed", "read", "sent"], severity="fail", mostly=0.9),
        known("pricing_category", categories),
    ]
