"""Contacts of the inbox: people can be reached."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import any_filled, not_ahead


def expectations(batch: Batch) -> list[Expectation]:
    return [
        not_ahead(batch, "created_at"),
        any_filled(["email", "phone"], at_least=0.5, severity="warn"),
    ]
