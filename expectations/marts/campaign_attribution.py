"""What campaigns are credited with: all credit is in it, once."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "the credit of campaigns adds up to the credit of touches",
            f"select sum(credited_conversion_count) from {batch.relation}",
            "select sum(credit) from marts.attribution_credits",
        ),
    ]
