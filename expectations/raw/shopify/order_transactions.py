"""Payments: kinds and outcomes that the models know."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import known, no_rows, within


def expectations(batch: Batch) -> list[Expectation]:
    return [
        known(
            "kind",
            ["AUTHORIZATION", "CAPTURE", "CHANGE", "EMV_AUTHORIZATION", "REFUND", "SALE", "SUGGESTED_REFUND", "VOID"],
        ),
        known("status", ["AWAITING_RESPONSE", "ERROR", "FAILURE", "PENDING", "SUCCESS", "UNKNOWN"]),
        *within("amount", 1e9),
        no_rows(
            "at most half of the payments fail",
            "select count(*) as payment_count, count(*) filter (where status in ('ERROR', 'FAILURE')) as failed_count "
            "from {batch} having count(*) >= 20 "
            "and count(*) filter (where status in ('ERROR', 'FAILURE')) > 0.5 * count(*)",
            "warn",
        ),
    ]
