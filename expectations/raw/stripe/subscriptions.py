"""Subscriptions: statuses that the models know, no clock ahead."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import known


def expectations(batch: Batch) -> list[Expectation]:
    return [
        known(
            "status",
            ["active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid"],
        ),
    ]
