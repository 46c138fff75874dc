"""Messages: directions and senders that the models know, no silence."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import filled, fresh, known, not_ahead


def expectations(batch: Batch) -> list[Expectation]:
    return [
        not_ahead(batch, "sent_at"),
        fresh(batch, "sent_at", days=7),
        known("traffic", ["incoming", "outgoing"], severity="fail", mostly=0.9),
        known("sender_source", ["bot", "broadcast", "contact", "user", "workflow"]),
        filled("sender_source", at_least=0.9, severity="warn"),
    ]
