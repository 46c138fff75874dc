"""Contacts: people can be reached, and no date lies in the future."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import any_filled, fresh, not_ahead


def expectations(batch: Batch) -> list[Expectation]:
    return [
        not_ahead(batch, "lastmodifieddate"),
        fresh(batch, "lastmodifieddate", days=7),
        any_filled(["email", "phone", "mobilephone"], at_least=0.8, severity="warn"),
        any_filled(["email", "phone", "mobilephone"], at_least=0.2),
    ]
