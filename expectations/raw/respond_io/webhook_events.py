"""Webhook events: types that the models know, and that they still arrive."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import fresh, known


def expectations(batch: Batch) -> list[Expectation]:
    return [
        fresh(batch, "occurred_at", days=7),
        known(
            "event_type",
            [
                "call.ended",
                "comment.created",
                "contact.assignee.updated",
                "contact.created",
                "contact.lifecycle.updated",
                "contact.tag.updated",
                "contact.updated",
                "conversation.closed",
                "conversation.opened",
                "message.received",
                "message.sent",
            ],
        ),
    ]
