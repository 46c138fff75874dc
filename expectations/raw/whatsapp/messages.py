"""Messages of contacts: they still arrive, and in directions that the models know."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import fresh, known


def expectations(batch: Batch) -> list[Expectation]:
    return [
        fresh(batch, "sent_at", days=7),
        known("direction", ["inbound", "outbound"], severity="fail"),
        known("referral_source_type", ["ad", "post"]),
    ]
