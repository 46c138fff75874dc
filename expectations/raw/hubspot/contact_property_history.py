"""Changes of a contact's stage and lead status."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import known


def expectations(batch: Batch) -> list[Expectation]:
    return [
        known("property", ["hs_email_optout", "hs_lead_status", "lifecyclestage"]),
    ]
