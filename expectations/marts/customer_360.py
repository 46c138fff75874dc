"""One row per person, to look people up: nobody is missing, and most can be reached."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import any_filled, equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every person is in it",
            f"select count(*) from {batch.relation}",
            "select count(*) from core.dim_persons",
        ),
        any_filled(["email", "phone", "customer_number"], at_least=0.5, severity="warn"),
    ]
