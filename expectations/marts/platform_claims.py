"""What platforms claim: every claim is in it, once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "claims of campaigns add up to the claims of ads",
            f"select sum(claimed_conversion_count) from {batch.relation}",
            "select sum(claimed_conversion_count) from core.fct_ad_claims",
        ),
    ]
