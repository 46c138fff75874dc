"""Messages: directions and senders that the models know, no silence."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import filled, fresh, known


def expectations(batch: Batch) -> list[Expectation]:
    return [
        filled("sent_at", at_least=0.99, severity="warn"),
        fresh(batch, "sent_at", days=7),
        known("traffic", ["incoming", "outgoing"], severity="fail", mostly=0.9),
        known(
            "sender_source",
            [
                "ai_agent",
                "api",
                "bot",
                "broadcast",
                "contact",
                "echo",
                "make",
                "n8n",
                "user",
                "workflow",
                "zapier",
            ],
        ),
        known("delivery_status", ["delivered", "failed", "pending", "read", "sent"]),
        filled("sender_source", at_least=0.9, severity="warn"),
    ]
