"""Webhook events: types that the models know, and that they still arrive."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import fresh, known, not_ahead


def expectations(batch: Batch) -> list[Expectation]:
    return [
        not_ahead(batch, "occurred_at"),
        fresh(batch, "occurred_at", days=7),
        known(
            "event_type",
            [
                "contact.created",
                "contact.lifecycle.updated",
                "contact.assignee.updated",
                "contact.tag.updated",
                "conversation.closed",
                "conversation.opened",
                "message.received",
                "message.sent",
            ],
        ),
    ]
