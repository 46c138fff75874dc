"""The review of companies: every account is in it."""

from __future__ import annotations

from great_expectations.expectations.expectation import Expectation

from expectations.batch import Batch
from expectations.plausibility import equal_sums, rows_kept


def expectations(batch: Batch) -> list[Expectation]:
    return [
        *rows_kept(batch),
        equal_sums(
            "every account is there",
            f"select count(*) from {batch.relation}",
            "select count(*) from core.dim_accounts",
        ),
    ]
