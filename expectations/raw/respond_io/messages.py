"""Messages: directions and senders that the models know, no silence."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import filled, fresh, known, no_rows

READS_EVERY_VERSION = True  # staging takes what any sight of a message told


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
        no_rows(
            "of at least 90% of what was sent to contacts the sender is known",
            "select count(*) as sent, count(sender_source) as of_known_sender from {batch} as messages "
            "where traffic = 'outgoing' having count(sender_source) < 0.9 * count(*)",
            "warn",
        ),
    ]
