"""One row per person, to look people up: nobody is missing, and most can be reached."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, no_rows, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every person is in it",
            f"select count(*) from {batch.relation}",
            "select count(*) from core.dim_persons",
        ),
        no_rows(
            "e-mail, phone or customer number is known of at least 50% of people",
            "select count(*) as person_count, count(coalesce(email, phone, customer_number)) as known_count "
            "from core.dim_persons having count(coalesce(email, phone, customer_number)) < 0.5 * count(*)",
            "warn",
            is_share=True,
        ),
    ]
